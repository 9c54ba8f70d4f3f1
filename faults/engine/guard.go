package engine

import (
	"fmt"
	"net/url"
	"sync"
)

// Guard has a container called name removed if this process is killed before release is
// called, unless it runs by then. Call it before the container is created: one that is
// created and never started has no process that could end and take it along. Whoever
// was killed up to some seconds ago counts, so that a creation under way is met as well.
//
// The guard is a small process of its own, on Linux and where the engine has a unix
// socket; elsewhere nothing is guarded. release may be called again.
func (e *Engine) Guard(name string) (release func()) {
	socket := e.SocketPath()
	if socket == "" {
		return func() {}
	}
	return sync.OnceFunc(guard(socket, fmt.Sprintf("DELETE /v%s/containers/%s?v=1 HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n",
		e.cli.ClientVersion(), url.PathEscape(name))))
}
