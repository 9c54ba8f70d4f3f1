package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Command is one to run inside a container.
type Command struct {
	Args    []string
	Env     []string // "KEY=value"
	WorkDir string
	User    string
	Stdin   io.Reader // nil: none
	Stdout  io.Writer // nil: kept in Result
	Stderr  io.Writer // nil: kept in Result
}

// Result is how a command ended. Stdout and Stderr hold what had no writer.
type Result struct {
	Code   int
	Stdout string
	Stderr string
}

// Exec runs a command in a running container and waits for its end. An exit
// code other than 0 is in the Result, not an error. Cancelling ctx stops the
// waiting; the process inside may go on.
func (e *Engine) Exec(ctx context.Context, id string, c Command) (Result, error) {
	x, err := e.cli.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: c.Args, Env: c.Env, WorkingDir: c.WorkDir, User: c.User,
		AttachStdin: c.Stdin != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return Result{}, fmt.Errorf("prepare %q in container %s: %w", c.Args, id, err)
	}
	h, err := e.cli.ContainerExecAttach(ctx, x.ID, container.ExecAttachOptions{})
	if err != nil {
		return Result{}, fmt.Errorf("run %q in container %s: %w", c.Args, id, err)
	}
	defer h.Close()
	stop := context.AfterFunc(ctx, h.Close)
	defer stop()
	if c.Stdin != nil {
		go func() {
			io.Copy(h.Conn, c.Stdin)
			h.CloseWrite()
		}()
	}
	var out, errOut bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &out
	}
	if c.Stderr == nil {
		c.Stderr = &errOut
	}
	_, err = stdcopy.StdCopy(c.Stdout, c.Stderr, h.Reader)
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("run %q in container %s: %w", c.Args, id, ctx.Err())
	}
	if err != nil {
		return Result{}, fmt.Errorf("read the output of %q in container %s: %w", c.Args, id, err)
	}
	in, err := e.cli.ContainerExecInspect(ctx, x.ID)
	if err != nil {
		return Result{}, fmt.Errorf("ask how %q ended in container %s: %w", c.Args, id, err)
	}
	return Result{Code: in.ExitCode, Stdout: out.String(), Stderr: errOut.String()}, nil
}

// Attach connects to the stdin and stdout of a container made with StdinOnce.
// Its stderr goes to the engine's log only. Closing the connection, or the death
// of this process, closes the container's stdin.
func (e *Engine) Attach(ctx context.Context, id string) (io.ReadWriteCloser, error) {
	h, err := e.cli.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true})
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w", id, err)
	}
	pr, pw := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(pw, io.Discard, h.Reader)
		if err == nil {
			err = io.EOF
		}
		pw.CloseWithError(err)
	}()
	return &attached{Conn: h.Conn, out: pr}, nil
}

type attached struct {
	net.Conn
	out *io.PipeReader
}

func (a *attached) Read(p []byte) (int, error) { return a.out.Read(p) }

func (a *attached) Close() error {
	a.out.Close()
	return a.Conn.Close()
}

// Output gives what a container writes to stdout from now on, until it ends. Its
// stderr goes to a writer of its own. Closing it leaves the container alone.
func (e *Engine) Output(ctx context.Context, id string, stderr io.Writer) (io.ReadCloser, error) {
	h, err := e.cli.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w", id, err)
	}
	pr, pw := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(pw, stderr, h.Reader)
		pw.CloseWithError(err)
	}()
	return &attached{Conn: h.Conn, out: pr}, nil
}

// Logs streams a container's stdout to w, oldest first, from since on (zero:
// all), and with follow until the container or ctx ends. With stderr its stderr
// goes to the same writer.
func (e *Engine) Logs(ctx context.Context, id string, w io.Writer, since time.Time, follow, stderr bool) error {
	o := container.LogsOptions{ShowStdout: true, ShowStderr: stderr, Follow: follow}
	if !since.IsZero() {
		o.Since = strconv.FormatFloat(float64(since.UnixMilli())/1000, 'f', 3, 64)
	}
	r, err := e.cli.ContainerLogs(ctx, id, o)
	if err != nil {
		return fmt.Errorf("read the log of container %s: %w", id, err)
	}
	defer r.Close()
	errw := io.Discard
	if stderr {
		errw = w
	}
	if _, err := stdcopy.StdCopy(w, errw, r); err != nil && ctx.Err() == nil {
		return fmt.Errorf("read the log of container %s: %w", id, err)
	}
	return ctx.Err()
}
