// Package netspace runs functions in the network namespaces of processes, on Linux.
package netspace
