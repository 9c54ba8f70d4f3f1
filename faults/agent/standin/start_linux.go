package standin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"faultlab/faults/agent/cgroup"
)

// StandIn is the agent's side of one process.
type StandIn struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan []byte
	ended chan struct{}
	once  sync.Once
}

// Start runs the process that cmd makes in a group of the target's, for as long as
// the target's process lives.
func Start(ctx context.Context, cmd *exec.Cmd, pid int, g cgroup.Group) (*StandIn, error) {
	s := &StandIn{cmd: cmd, lines: make(chan []byte, 8), ended: make(chan struct{})}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in = in
	cmd.Stderr = nil // the engine waits for everybody who has the agent's
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread that started it ends, so that one stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadBytes('\n')
			if err != nil {
				break
			}
			s.lines <- line
		}
		_ = cmd.Wait()
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start a process to measure with: %w", err)
	}
	if _, err := s.ask(ctx, ask{Do: "watch", PID: pid}); err != nil {
		s.Stop()
		return nil, err
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		s.Stop()
		return nil, fmt.Errorf("join the target's control group %s: %w", g.Path, err)
	}
	return s, nil
}

// ErrEnded says that the process is no more.
var ErrEnded = errors.New("the process to measure with has ended")

func (s *StandIn) ask(ctx context.Context, a ask) (answer, error) {
	if err := s.send(a); err != nil {
		return answer{}, err
	}
	return s.hear(ctx)
}

func (s *StandIn) send(a ask) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err := s.in.Write(append(b, '\n')); err != nil {
		return ErrEnded
	}
	return nil
}

func (s *StandIn) hear(ctx context.Context) (answer, error) {
	var a answer
	select {
	case line := <-s.lines:
		if err := json.Unmarshal(line, &a); err != nil {
			return a, err
		}
		if a.Error != "" {
			return a, errors.New(a.Error)
		}
		return a, nil
	case <-s.ended:
		return a, ErrEnded
	case <-ctx.Done():
		return a, ctx.Err()
	}
}

// Pulse asks for a sign of life.
func (s *StandIn) Pulse(ctx context.Context) error {
	_, err := s.ask(ctx, ask{Do: "pulse"})
	return err
}

// Await waits for the answer to a pulse that did not come in time.
func (s *StandIn) Await(ctx context.Context) error {
	_, err := s.hear(ctx)
	return err
}

// Spin computes on some threads for a while and gives the processor time it got and
// the time that passed.
func (s *StandIn) Spin(ctx context.Context, threads int, d time.Duration) (cpu, wall time.Duration, err error) {
	a, err := s.ask(ctx, ask{Do: "spin", N: threads, Millis: int(d.Milliseconds())})
	return seconds(a.CPU), seconds(a.Wall), err
}

// Fork makes processes, at most so many, and ends them; refused says that the kernel
// made no more than n.
func (s *StandIn) Fork(ctx context.Context, most int) (n int, refused bool, err error) {
	a, err := s.ask(ctx, ask{Do: "fork", N: most})
	return a.N, a.Refused, err
}

// Touch uses so much memory that the kernel may take back at any time.
func (s *StandIn) Touch(ctx context.Context, mib int) error {
	_, err := s.ask(ctx, ask{Do: "touch", N: mib})
	return err
}

// Hold begins to take memory, so many MiB a second up to a most.
func (s *StandIn) Hold(ctx context.Context, rate float64, most int) error {
	_, err := s.ask(ctx, ask{Do: "hold", N: most, Rate: rate})
	return err
}

// Held is how many MiB it has taken.
func (s *StandIn) Held(ctx context.Context) (float64, error) {
	a, err := s.ask(ctx, ask{Do: "held"})
	return a.MiB, err
}

// File makes a file without a name in a directory, and fills it with so many blocks of
// a size, which is a multiple of 4096.
func (s *StandIn) File(ctx context.Context, dir string, blocks, size int) error {
	_, err := s.ask(ctx, ask{Do: "file", Path: dir, N: blocks, Size: size})
	return err
}

// Transfer reads or writes so many blocks of the file, past the kernel's cache, and
// gives how long that took.
func (s *StandIn) Transfer(ctx context.Context, write bool, blocks, size int) (time.Duration, error) {
	do := "read"
	if write {
		do = "write"
	}
	a, err := s.ask(ctx, ask{Do: do, N: blocks, Size: size})
	return seconds(a.Wall), err
}

// Ended is closed when the process is no more.
func (s *StandIn) Ended() <-chan struct{} { return s.ended }

// Stop ends it. One that is frozen ends when it is thawed, and is not waited for.
func (s *StandIn) Stop() {
	s.once.Do(func() {
		_ = s.cmd.Process.Kill()
		_ = s.in.Close()
	})
	select {
	case <-s.ended:
	case <-time.After(time.Second):
	}
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
