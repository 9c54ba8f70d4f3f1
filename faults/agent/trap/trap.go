// Package trap stops the processes of a program for a while where they enter one of
// its functions with a text that fits a pattern.
//
// A breakpoint of the kernel's (uprobe) in the executable file runs a BPF program in
// each process that comes by, whether it was there before or not. The program reads
// the text in the process's memory, and stops the process (SIGSTOP) if it fits; this
// package lets it go on (SIGCONT) when the time is over. Nothing of the process
// itself is changed, and what does not fit goes on after some microseconds. So do other
// processes of the same file that are not meant, in other containers as well.
//
// When the agent is killed, breakpoint and program go with its descriptors. Processes
// that are stopped at that moment are let go by [Resume].
package trap

import "time"

// Where says which processes stop at which function.
type Where struct {
	PID      int    // one of the processes, whose executable file gets the breakpoint
	Function string // as the file exports it
	// Text is where the function's first argument, a pointer to a structure, has the
	// address of the text that is matched: so many bytes from its start.
	Text int16
	// Unless is likewise where a byte is that must be zero.
	Unless int16
	// Only are exported variables of 4 or 8 bytes, and the values they have in the
	// processes that are meant.
	Only map[string]uint64
	// Limit is an exported variable of 4 bytes, how many milliseconds a process gives
	// itself (0: any); an alarm (SIGALRM) that waits for it after that time ends the stop.
	Limit string
	// Always is a process whose texts that fit stop it whatever the share, without
	// being drawn, until [Trap.Proved]; 0: none.
	Always int
}

// What says which texts stop a process, and for how long.
type What struct {
	Pattern string
	Delay   time.Duration // from 1 ms on
	Share   float64       // of the texts that fit; above 0, up to 1
	Seed    uint64        // the same one draws the same sequence
}

// Counts are how many texts fitted, and how many of them stopped a process.
type Counts struct{ Hit, Stopped uint64 }

// longest is how far a text is looked at, in bytes.
const longest = 4096

// ResumeAct is the name of [Resume] in the agent's table of acts.
const ResumeAct = "resume"
