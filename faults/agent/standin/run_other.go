//go:build !linux

package standin

import (
	"errors"
	"io"
)

// Run is for where agents run.
func Run(io.Reader, io.Writer) error { return errors.New("this runs on Linux only") }
