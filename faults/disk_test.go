package faults

// fullDisk has faults with every parameter set, for the table's test.
var fullDisk []Fault
