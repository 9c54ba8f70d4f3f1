package dependency

import (
	"io"
	"net"
	"sync"
)

// relay is a connection that no fault does anything to: its bytes pass unread, and from
// socket to socket in the kernel (splice).
type relay struct {
	client, server *net.TCPConn
	call
}

func (r *relay) run() {
	var wg sync.WaitGroup
	wg.Go(func() { r.pass(r.client, r.server) })
	r.pass(r.server, r.client)
	wg.Wait()
	r.end(false)
}

func (r *relay) pass(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		r.end(true)
		return
	}
	_ = to.CloseWrite()
}

func (r *relay) caller() *net.TCPConn { return r.client }

func (r *relay) unseen() (call, bool) { return r.call, true }

// end closes both sides, with RST if so told.
func (r *relay) end(reset bool) {
	for _, c := range []*net.TCPConn{r.client, r.server} {
		if reset {
			abort(c)
			continue
		}
		_ = c.Close()
	}
}
