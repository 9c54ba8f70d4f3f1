package dependency

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// answer answers in the server's place, after the answers that are due before.
func (s *session) answer(req *http.Request, p plan, length int64) bool {
	st := p.end
	ends := req.Close || length != 0 && req.Header.Get("Expect") != ""
	if length != 0 && req.Header.Get("Expect") == "" {
		if err := copyBody(io.Discard, s.cr, s.client, length); err != nil {
			s.leave(err)
			return false
		}
	}
	s.mu.Lock()
	for len(s.waiting) > 0 && !s.over {
		s.idle.Wait()
	}
	s.mu.Unlock()
	for _, w := range p.waits {
		hold(w.time, w.stage.gone, s.quit)
	}
	kind := "text/plain; charset=utf-8"
	if json.Valid([]byte(st.body)) {
		kind = "application/json"
	}
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nDate: %s\r\n",
		st.status, http.StatusText(st.status), kind, len(st.body), time.Now().UTC().Format(http.TimeFormat))
	if ends {
		head += "Connection: close\r\n"
	}
	g := &gate{dst: s.client, plan: p, quit: s.quit}
	err := g.head([]byte(head + "\r\n"))
	if err == nil && req.Method != http.MethodHead {
		_, err = g.Write([]byte(st.body))
	}
	if err != nil {
		s.cut(g, err)
		return false
	}
	if ends {
		_ = s.client.CloseWrite()
		s.end(false)
	}
	return !ends
}

// cut ends the connection in the way of the limit that was met.
func (s *session) cut(g *gate, err error) {
	if !errors.Is(err, errCut) {
		s.end(true)
		return
	}
	g.cut.ended.Add(1)
	switch {
	case g.cut.hang:
		select {
		case <-g.cut.gone:
		case <-s.quit:
		}
		s.end(true)
	case g.cut.reset:
		// What is on its way must not be dropped together with what is not sent.
		s.drained()
		s.end(true)
	default:
		s.end(false)
	}
}

// down passes on what the server answers.
func (s *session) down() {
	_, err := s.sr.Peek(1)
	for err == nil {
		if s.decide(true) {
			s.downRaw()
			return
		}
		if !s.respond() {
			return
		}
		_, err = s.sr.Peek(1)
	}
	switch {
	case s.hanging.Load(): // a server that hears nothing hangs up after a while
	case errors.Is(err, io.EOF):
		_ = s.client.CloseWrite()
		s.finish()
	default:
		s.end(true)
	}
}

// finish ends the session after the server has; what the caller still sends has no reader.
func (s *session) finish() {
	s.mu.Lock()
	s.over = true
	s.idle.Broadcast()
	s.mu.Unlock()
}

func (s *session) downRaw() {
	p := s.raw
	if p.end != nil {
		return // it hangs: nothing is answered
	}
	for _, w := range p.waits {
		hold(w.time, w.stage.gone, s.quit)
	}
	g := &gate{dst: s.client, plan: p, quit: s.quit}
	var w io.Writer = g
	if p.rate == nil && len(p.limits) == 0 {
		w = s.client
	}
	if err := copyBody(w, s.sr, s.server, untilEnd); err != nil {
		s.cut(g, err)
		return
	}
	_ = s.client.CloseWrite()
}

// respond passes one answer on; false ends the server's side.
func (s *session) respond() bool {
	s.mu.Lock()
	var x *exchange
	if len(s.waiting) > 0 {
		x = s.waiting[0]
	}
	s.mu.Unlock()
	if x == nil { // nobody asked, such as 408 before the server closes
		_ = copyBody(s.client, s.sr, s.server, untilEnd)
		_ = s.client.CloseWrite()
		return false
	}
	head, err := readHead(s.sr)
	var resp *http.Response
	if err == nil {
		resp, err = parseAnswer(head, x.req)
	}
	if err != nil {
		if _, err := s.client.Write(head); err == nil {
			_ = copyBody(s.client, s.sr, s.server, untilEnd)
		}
		s.end(false)
		return false
	}
	if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
		_, err := s.client.Write(head)
		return err == nil
	}
	for _, w := range x.plan.waits {
		hold(w.time, w.stage.gone, s.quit)
	}
	length := lengthOf(resp.ContentLength, resp.TransferEncoding)
	granted := resp.StatusCode == http.StatusSwitchingProtocols || x.req.Method == http.MethodConnect && resp.StatusCode < 300
	switch {
	case granted:
		length = untilEnd
	case x.req.Method == http.MethodHead, resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		length = 0
	}
	if x.upgrade != nil {
		x.upgrade <- granted
	}
	g := &gate{dst: s.client, plan: x.plan, quit: s.quit}
	if err := s.pass(g, head, length); err != nil {
		s.cut(g, err)
		return false
	}
	for _, t := range x.timers {
		t.Stop()
	}
	s.mu.Lock()
	s.waiting = slices.Delete(s.waiting, 0, 1)
	if len(s.waiting) == 0 {
		s.idle.Broadcast()
	}
	s.mu.Unlock()
	if resp.Close || length == untilEnd {
		_ = s.client.CloseWrite()
		s.finish()
		return false
	}
	return true
}

// pass writes head and body; of an answer that nothing changes, all that is there at once.
func (s *session) pass(g *gate, head []byte, length int64) error {
	if g.plan.rate != nil || len(g.plan.limits) > 0 {
		if err := g.head(head); err != nil {
			return err
		}
		return copyBody(g, s.sr, s.server, length)
	}
	if n := int(min(max(length, 0), int64(s.sr.Buffered()))); n > 0 {
		b, _ := s.sr.Peek(n)
		head = append(head, b...)
		_, _ = s.sr.Discard(n)
		length -= int64(n)
	}
	if _, err := s.client.Write(head); err != nil {
		return err
	}
	return copyBody(s.client, s.sr, s.server, length)
}
