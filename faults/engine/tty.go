package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
)

// Size is that of a terminal, in characters.
type Size struct{ Width, Height uint }

// Terminal runs a command in a container on a terminal of its own, with the
// caller's input and output, and gives its exit code. Sizes sent on resize are
// passed on.
func (e *Engine) Terminal(ctx context.Context, id string, c Command, first Size, resize <-chan Size) (int, error) {
	x, err := e.cli.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: c.Args, Env: c.Env, WorkingDir: c.WorkDir, User: c.User, Tty: true,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, fmt.Errorf("prepare %q in container %s: %w", c.Args, id, err)
	}
	h, err := e.cli.ContainerExecAttach(ctx, x.ID, container.ExecAttachOptions{Tty: true})
	if err != nil {
		return 0, fmt.Errorf("run %q in container %s: %w", c.Args, id, err)
	}
	defer h.Close()
	defer context.AfterFunc(ctx, h.Close)()
	e.cli.ContainerExecResize(ctx, x.ID, container.ResizeOptions{Height: first.Height, Width: first.Width})
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-resize:
				e.cli.ContainerExecResize(ctx, x.ID, container.ResizeOptions{Height: s.Height, Width: s.Width})
			case <-done:
				return
			}
		}
	}()
	go func() {
		io.Copy(h.Conn, c.Stdin)
		h.CloseWrite()
	}()
	if _, err := io.Copy(c.Stdout, h.Reader); err != nil && ctx.Err() == nil {
		return 0, fmt.Errorf("read from the terminal in container %s: %w", id, err)
	}
	in, err := e.cli.ContainerExecInspect(context.WithoutCancel(ctx), x.ID)
	if err != nil {
		return 0, fmt.Errorf("ask how %q ended in container %s: %w", c.Args, id, err)
	}
	return in.ExitCode, nil
}
