package faults

// processKinds are the faults on processes and what they may use.
var processKinds = []KindInfo{}
