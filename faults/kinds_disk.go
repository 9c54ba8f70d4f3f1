package faults

// diskKinds are the faults on files and block devices.
var diskKinds = []KindInfo{}
