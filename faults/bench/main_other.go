//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "faultlab: error: the bench measures faults in a Linux kernel, and this is none\nfaultlab: hint: run it on the engine's machine")
	os.Exit(2)
}
