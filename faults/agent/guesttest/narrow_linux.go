package guesttest

import (
	"fmt"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/netspace"
)

// Linux 6.1 as a process saves the registers of its own processes in 2696 bytes, enough
// for AVX-512. Where the processor has more, as with AMX, ptrace refuses to set so few
// (EFAULT), and the guest dies with its first process. Told that there is no such set of
// registers it takes the older one: the 512 bytes of x87 and SSE. What is beyond those it
// loses at every page fault, so nobody in the guest may use it.

// narrow are the variables that keep Go and the C library from using AVX. What the guest
// does not know on its command line it hands to its first process.
var narrow = []string{"GODEBUG=cpu.all=off", "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX"}

// xstate is NT_X86_XSTATE of elf.h: all registers that XSAVE saves.
const xstate = 0x202

// startNarrow starts a guest that finds no registers but those of x87 and SSE.
func startNarrow(guest *exec.Cmd) error {
	return netspace.Thread(func() error { // the filter is the thread's, and that of whom it starts
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("set no_new_privs: %w", err)
		}
		filter := withoutXState()
		prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
			return fmt.Errorf("set a seccomp filter: %w", err)
		}
		return guest.Start()
	})
}

// withoutXState answers ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, ...) with ENODEV.
func withoutXState() []unix.SockFilter {
	// Where seccomp(2) has the number of the call, and the lower halves of its first and
	// third arguments.
	const number, first, third = 0, 16, 32
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	unless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	answer := func(value uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: value}
	}
	return []unix.SockFilter{
		load(number), unless(unix.SYS_PTRACE, 5),
		load(first), unless(unix.PTRACE_GETREGSET, 3),
		load(third), unless(xstate, 1),
		answer(unix.SECCOMP_RET_ERRNO | uint32(unix.ENODEV)),
		answer(unix.SECCOMP_RET_ALLOW),
	}
}
