package faults

// dnsKinds are the faults on looking up names.
var dnsKinds = []KindInfo{}
