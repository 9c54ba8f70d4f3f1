// Package host is one machine with several programs on it: process 1 of a container,
// which starts what its configuration lists under the container's one memory limit.
//
// It starts again what ends, with a growing pause; passes SIGHUP, SIGUSR1 and SIGUSR2
// on; at SIGTERM stops all; and reaps every process that loses its parent. Its log has
// a line for each start and end, and all that the programs write, each line with the
// program's name before it. Where the kernel kills a process for want of memory it
// writes what dmesg would show, from what it saw itself: the kernel's count of kills in
// the control group rose, a process died by SIGKILL, and so much memory it had at the
// last look. What it did not see it does not say.
//
// The kernel is to choose among the programs, not the host: see standBack.
//
// It owns its process: every child of it is taken for the host's.
package host
