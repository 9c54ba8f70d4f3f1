package dependency

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// session is one connection through the proxy. Two goroutines carry it: up reads the
// caller, down reads the server.
type session struct {
	client, server *net.TCPConn
	cr, sr         *bufio.Reader
	call           // what is known of each of its calls
	ask            func(call) plan
	quit           chan struct{} // closed when the caller has gone
	once, quitOnce sync.Once
	raw            plan // of a connection that is not HTTP
	isRaw          atomic.Bool
	hanging        atomic.Bool // the caller waits for ever, whatever the server does

	mu      sync.Mutex
	waiting []*exchange // requests without a whole answer
	idle    *sync.Cond  // waiting is empty, or the session is over
	over    bool
}

// exchange is a request on its way.
type exchange struct {
	req     *http.Request
	plan    plan
	timers  []*time.Timer
	upgrade chan bool // for a request to change the protocol: whether it was granted
}

func newSession(client, server *net.TCPConn, c call, ask func(call) plan) *session {
	s := &session{client: client, server: server, cr: bufio.NewReader(client), sr: bufio.NewReaderSize(server, 32<<10), call: c, ask: ask, quit: make(chan struct{})}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// run carries the connection until it has ended.
func (s *session) run() {
	var wg sync.WaitGroup
	wg.Go(s.down)
	s.up()
	wg.Wait()
	s.end(false)
}

func (s *session) caller() *net.TCPConn { return s.client }

func (s *session) unseen() (call, bool) { return s.call, s.isRaw.Load() }

// end closes both sides, that of the caller with RST if so told.
func (s *session) end(reset bool) {
	s.gone()
	s.mu.Lock()
	s.over = true
	s.idle.Broadcast()
	s.mu.Unlock()
	if reset {
		abort(s.client)
		abort(s.server)
		return
	}
	_ = s.client.Close()
	_ = s.server.Close()
}

func (s *session) gone() { s.quitOnce.Do(func() { close(s.quit) }) }

// decide settles once whether the connection is HTTP; it is asked about if it is not.
func (s *session) decide(raw bool) bool {
	s.once.Do(func() {
		if raw {
			s.raw = s.ask(s.call)
			s.startTimers(s.raw)
		}
		s.isRaw.Store(raw)
	})
	return s.isRaw.Load()
}

// startTimers sets the clocks of resets after a time.
func (s *session) startTimers(p plan) (timers []*time.Timer) {
	for _, st := range p.limits {
		if st.within > 0 {
			timers = append(timers, time.AfterFunc(st.within, func() {
				if !over(st.gone) {
					st.ended.Add(1)
					s.end(true)
				}
			}))
		}
	}
	return timers
}

// up passes on what the caller sends.
func (s *session) up() {
	b, err := s.cr.Peek(1)
	for err == nil && looksHTTP(b) && len(b) < 16 && s.cr.Buffered() == len(b) {
		b, err = s.cr.Peek(len(b) + 1)
	}
	if n := s.cr.Buffered(); n > 0 {
		b, _ = s.cr.Peek(n)
	}
	if s.decide(len(b) == 0 || !looksHTTP(b)) {
		s.upRaw()
		return
	}
	for s.request() {
	}
}

// upRaw passes bytes on, or swallows them for a server that hangs.
func (s *session) upRaw() {
	if st := s.raw.end; st != nil {
		s.swallow(st)
		return
	}
	err := copyBody(s.server, s.cr, s.client, untilEnd)
	s.leave(err)
}

// leave tells the server that the caller sends no more.
func (s *session) leave(err error) {
	s.gone()
	if err == nil || errors.Is(err, io.EOF) {
		_ = s.server.CloseWrite()
		return
	}
	s.end(true)
}

// swallow reads and never answers, until the caller goes or the fault does.
func (s *session) swallow(st *stage) {
	s.hanging.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, s.cr)
	}()
	select {
	case <-done:
	case <-st.gone:
	case <-s.quit:
	}
	s.end(true)
}

// request passes one request on; false ends the caller's side.
func (s *session) request() bool {
	head, err := readHead(s.cr)
	var req *http.Request
	if err == nil {
		req, err = parseRequest(head)
	}
	if err != nil {
		if errors.Is(err, errNotHTTP) || len(head) > 0 {
			// Let the server say what it thinks of this; nothing more is looked into.
			if _, err := s.server.Write(head); err == nil {
				s.leave(copyBody(s.server, s.cr, s.client, untilEnd))
				return false
			}
		}
		s.leave(err)
		return false
	}
	c := s.call
	c.method, c.path = req.Method, req.URL.Path
	p := s.ask(c)
	length := lengthOf(req.ContentLength, req.TransferEncoding)
	if st := p.end; st != nil {
		if st.hang {
			s.swallow(st)
			return false
		}
		return s.answer(req, p, length)
	}
	x := &exchange{req: req, plan: p}
	if req.Method == http.MethodConnect || req.Header.Get("Upgrade") != "" {
		x.upgrade = make(chan bool, 1)
	}
	x.timers = s.startTimers(p)
	s.mu.Lock()
	s.waiting = append(s.waiting, x)
	s.mu.Unlock()
	if n := int(min(max(length, 0), int64(s.cr.Buffered()))); n > 0 {
		b, _ := s.cr.Peek(n)
		head = append(head, b...)
		_, _ = s.cr.Discard(n)
		length -= int64(n)
	}
	if _, err = s.server.Write(head); err == nil {
		err = copyBody(s.server, s.cr, s.client, length)
	}
	if err != nil {
		// Perhaps the server answers early and closes: down finds out and ends it.
		return false
	}
	if x.upgrade != nil {
		select {
		case granted := <-x.upgrade:
			if granted {
				s.leave(copyBody(s.server, s.cr, s.client, untilEnd))
				return false
			}
		case <-s.quit:
			return false
		}
	}
	return true
}
