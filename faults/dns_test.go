package faults

// fullDNS has faults with every parameter set, for the table's test.
var fullDNS []Fault
