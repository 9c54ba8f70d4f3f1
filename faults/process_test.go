package faults

// fullProcess has faults with every parameter set, for the table's test.
var fullProcess []Fault
