package faults

// fullDependency has faults with every parameter set, for the table's test.
var fullDependency []Fault
