package agent

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The client is killed between creating its agent's container and starting it: as it asks
// the engine to create, so that it is created after that, and as it asks to start.
func TestClientKilledBeforeItsAgentRuns(t *testing.T) {
	b := newBench(t)
	agents := func() []string {
		list, err := b.List(t.Context(), "faultlab.test.agent="+b.label)
		must(t, err)
		var out []string
		for _, c := range list {
			out = append(out, c.Name+": "+c.State)
		}
		return out
	}
	for _, at := range []string{"/containers/create", "/start"} {
		t.Run(at, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			killed := make(chan time.Time, 1)
			proxy := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
				Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, "unix", b.SocketPath())
				}},
			}
			socket := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", socket)
			must(t, err)
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, at) {
					body, _ := io.ReadAll(r.Body)
					cmd.Process.Kill()
					killed <- time.Now()
					if at == "/start" {
						return
					}
					// A context that can end: for others the proxy asks whether the caller is gone.
					on, end := context.WithCancel(context.WithoutCancel(r.Context()))
					defer end()
					r = r.WithContext(on)
					r.Body = io.NopCloser(bytes.NewReader(body))
				}
				proxy.ServeHTTP(w, r)
			})}
			go srv.Serve(l)
			defer srv.Close()
			cmd.Env = append(os.Environ(), roleEnv+"=user", "FAULTLAB_TEST_IMAGE="+b.image, "FAULTLAB_TEST_LABEL="+b.label, "DOCKER_HOST=unix://"+socket)
			cmd.Stderr = os.Stderr
			must(t, cmd.Start())
			defer cmd.Wait()
			var began time.Time
			select {
			case began = <-killed:
			case <-time.After(30 * time.Second):
				cmd.Process.Kill()
				t.Fatal("the client does not come that far")
			}
			b.eventually("the container is made", 5*time.Second, func() bool { return len(agents()) > 0 })
			b.eventually("no agent is left", 10*time.Second, func() bool { return len(agents()) == 0 })
			t.Logf("nothing left %v after SIGKILL", time.Since(began).Round(time.Millisecond))
		})
	}
}
