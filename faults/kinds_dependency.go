package faults

// dependencyKinds are the faults of a proxy in front of a port.
var dependencyKinds = []KindInfo{}
