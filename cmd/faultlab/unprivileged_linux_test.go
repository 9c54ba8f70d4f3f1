package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// unprivileged makes a command run without root's rights.
func unprivileged(_ *testing.T, cmd *exec.Cmd) {
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
}
