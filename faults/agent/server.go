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
	"sync"
	"time"
)

// maxInFlight bounds the requests worked on at once; the next line waits.
const maxInFlight = 64

// Serve answers requests from in on out, one JSON object a line, until in ends
// or ctx does; then it reverts every fault and returns. Lines that cannot be
// read are answered with an error and skipped. It needs the privileges of the
// host's root and its pid namespace; where the kernel is not Linux it answers
// that nothing is supported.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
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
	s.book = newBook(k, func(e Entry) { s.send(response{Entry: &e}) })

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
			wg.Go(func() {
				defer func() { <-slots }()
				s.handle(ctx, line)
			})
		}
	}
	cancel() // ends what is being measured; it is undone like the rest
	wg.Wait()
	err := s.book.close()
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

func (s *server) handle(ctx context.Context, line []byte) {
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
	if err != nil {
		s.send(response{ID: req.ID, Error: errorf(BadRequest, "read request: %v", err)})
		return
	}
	res := s.answer(ctx, req)
	res.ID = req.ID
	s.send(res)
}

func (s *server) answer(ctx context.Context, req request) response {
	switch req.Op {
	case opPing:
		return response{}
	case opHello:
		return response{Hello: &Hello{Protocol, os.Getpid(), s.book.kernel.capabilities()}}
	case opInject:
		if req.Inject == nil {
			return response{Error: errorf(BadRequest, "inject without its parameters")}
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		e, err := s.book.inject(ctx, *req.Inject)
		return response{Entry: e, Error: asError(err)}
	case opRevert:
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		e, err := s.book.revert(ctx, req.Injection, Reverted, "")
		return response{Entry: e, Error: asError(err)}
	case opStatus:
		return response{Entries: s.book.status()}
	case opSweep:
		removed, err := s.book.kernel.sweep(req.PIDs)
		return response{Removed: removed, Error: asError(err)}
	}
	return response{Error: errorf(BadRequest, "unknown operation %.40q", req.Op)}
}
