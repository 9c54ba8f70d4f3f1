package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"faultlab/faults/agent/keeper"
)

// maxInFlight bounds the requests worked on at once; the next line waits.
const maxInFlight = 64

// Serve answers requests from in on out, one JSON object a line, until in ends
// or ctx does; then it reverts every fault and returns. Lines that cannot be
// read are answered with an error and skipped. It needs the privileges of the
// host's root and its pid namespace; where the kernel is not Linux it answers
// that nothing is supported.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		return role()
	}
	k, err := newKernel()
	if err != nil {
		return err
	}
	return serve(ctx, k, in, out)
}

// server is one run of the agent.
type server struct {
	book *book

	outMu sync.Mutex
	out   *json.Encoder
}

func serve(ctx context.Context, k kernel, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{out: json.NewEncoder(out)}
	keep := keeper.New(func() *exec.Cmd { return child("keeper") }, acts)
	s.book = newBook(k, keep, func(e Entry) { s.send(response{Entry: &e}) })

	lines := make(chan []byte)
	var readErr error
	go func() {
		defer close(lines)
		readErr = readLines(ctx, in, lines)
	}()
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxInFlight)
loop:
	for {
		select {
		case <-ctx.Done():
			break loop
		case line, ok := <-lines:
			if !ok {
				break loop
			}
			slots <- struct{}{}
			work := s.accept(ctx, line)
			wg.Go(func() {
				defer func() { <-slots }()
				s.send(work())
			})
		}
	}
	cancel() // ends what is being measured; it is undone like the rest
	wg.Wait()
	err := errors.Join(s.book.close(), keep.Close())
	if readErr != nil && !errors.Is(readErr, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("read requests: %w", readErr))
	}
	return err
}

// readLines sends each line of in; one that is too long is sent cut off, and
// is not JSON any more then.
func readLines(ctx context.Context, in io.Reader, lines chan<- []byte) error {
	r := bufio.NewReaderSize(in, 64<<10)
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= maxLine {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		// A last line without an end was cut off; what it asks is not known for sure.
		if err == nil && len(bytes.TrimSpace(line)) > 0 {
			select {
			case lines <- line:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		line = nil
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *server) send(r response) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	// A client that does not read any more closes our input as well; that ends us.
	_ = s.out.Encode(r)
}

// accept reads a request and gives the work that answers it. What must happen
// in the order of the requests has happened when it returns.
func (s *server) accept(ctx context.Context, line []byte) func() response {
	var req request
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	err := dec.Decode(&req)
	if err == nil && dec.More() {
		err = errors.New("more than one JSON value in a line")
	}
	if err == nil && len(line) > maxLine {
		err = fmt.Errorf("line has more than %d bytes", maxLine)
	}
	if err == nil && req.ID == 0 {
		err = errors.New("request id is 0; want above 0")
	}
	answer := func(r response, err error) response {
		r.ID, r.Error = req.ID, asError(err)
		return r
	}
	if err != nil {
		return func() response { return answer(response{}, errorf(BadRequest, "read request: %v", err)) }
	}
	if req.Op == opInject && req.Inject != nil {
		place, err := s.book.begin(ctx, *req.Inject)
		return func() response {
			if err != nil {
				return answer(response{}, err)
			}
			e, err := place()
			return answer(response{Entry: e}, err)
		}
	}
	return func() response { return answer(s.answer(ctx, req)) }
}

func (s *server) answer(ctx context.Context, req request) (response, error) {
	switch req.Op {
	case opPing:
		return response{}, nil
	case opHello:
		return response{Hello: &Hello{Protocol, os.Getpid(), s.book.kernel.capabilities()}}, nil
	case opInject:
		return response{}, errorf(BadRequest, "inject without its parameters")
	case opRevert:
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		e, err := s.book.revert(ctx, req.Injection, Reverted, "")
		return response{Entry: e}, err
	case opStatus:
		return response{Entries: s.book.status()}, nil
	case opSweep:
		removed, err := s.book.kernel.sweep(req.PIDs)
		return response{Removed: removed}, err
	}
	return response{}, errorf(BadRequest, "unknown operation %.40q", req.Op)
}
