package faults

// fullDatabase has faults with every parameter set, for the table's test.
var fullDatabase []Fault
