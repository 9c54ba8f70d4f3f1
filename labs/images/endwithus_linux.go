package images

import (
	"os/exec"
	"syscall"
)

// endWithUs makes a child end when this process is killed.
func endWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
