// Package faults says what can go wrong with a running container: one struct
// in one file for each fault, whose exported fields are its parameters, and
// one table, [Kinds], with the reference facts of every kind.
//
// The package is pure. It asks nothing of a kernel, an engine or a database;
// package faults/agent carries a fault into a container and proves there that
// it is felt.
//
//	f := faults.PacketLoss{Percent: 10, Peer: faults.Peer{Addresses: []string{"10.0.0.0/24"}}}
//	if err := f.Validate(); err != nil { ... }
//
// # Adding a fault
//
//  1. Write a struct in a file of its own. Its doc comment says what a trainee
//     sees and which wrong diagnosis people usually reach. Give it Kind and
//     Validate; an error from Validate names the allowed range.
//  2. Add one row to the family's table (kinds_network.go and its like). Decode, the
//     command line and the reference documentation follow from it.
//  3. Have it carried: in faults/agent, effect.go says what it does to packets; other
//     families are packages beside it, with a row in carriers_linux.go. Each says what
//     a probe must measure before the fault may be called active.
package faults
