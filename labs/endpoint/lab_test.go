package endpoint_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs/endpoint"
)

// The test binary is its own container, as in faults/engine.
func TestMain(m *testing.M) {
	if os.Getenv("ROLE") == "ticker" && len(os.Args) == 1 {
		for i := 0; ; i++ {
			fmt.Println("tick", i)
			time.Sleep(100 * time.Millisecond)
		}
	}
	if len(os.Args) > 1 && os.Args[1] == "upper" { // answers each line, says so at the end
		s := bufio.NewScanner(os.Stdin)
		for s.Scan() {
			fmt.Println(strings.ToUpper(s.Text()))
		}
		fmt.Println("end of input")
		os.Exit(7)
	}
	os.Exit(m.Run())
}

const (
	registry = "registry.shop.internal/eetest"
	image    = registry + "/app:1"
	unseen   = registry + "/traffic:1"
)

// lab is what stands on the engine for these tests: one lab's visible and hidden
// containers, and somebody else's.
type lab struct {
	id       string
	e        *engine.Engine // the engine itself
	scoped   *engine.Engine // through the endpoint
	sock     string
	own      engine.Container
	bastion  engine.Container
	hidden   engine.Container
	foreign  engine.Container
	mu       sync.Mutex
	actions  []endpoint.Action
	resolved []string
}

func (l *lab) record(a endpoint.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.actions = append(l.actions, a)
}

// did says whether an action was recorded, waiting for it a little: it is kept
// after the answer has gone out.
func (l *lab) did(verb string, changes bool) bool {
	for range 100 {
		l.mu.Lock()
		for _, a := range l.actions {
			if a.Verb == verb && a.Changes == changes {
				l.mu.Unlock()
				return true
			}
		}
		l.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

func open(t *testing.T) *lab {
	t.Helper()
	ctx := t.Context()
	e := enginetest.Open(t)
	l := &lab{id: fmt.Sprintf("ee%d", os.Getpid()), e: e, sock: filepath.Join(t.TempDir(), "docker.sock")}
	for _, ref := range []string{image, unseen} {
		enginetest.ImportSelf(t, e, ref)
	}
	l.network(t, l.id+"_shop", "10.199.250.0/24", l.labels("shop", true))
	l.network(t, l.id+"_else", "10.199.249.0/24", map[string]string{"faultlab.test": l.id})
	for name, labels := range map[string]map[string]string{
		l.id + "_state": l.labels("shop", false), l.id + "-data": l.labels("shop", true), l.id + "-foreign": {"faultlab.test": l.id},
	} {
		if _, err := e.CreateVolume(ctx, name, labels); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.RemoveVolume(context.Background(), name) })
	}
	l.own = l.run(t, l.id+"-web", image, l.labels("shop", true))
	l.bastion = l.run(t, l.id+"_bastion", image, l.labels("bastion", true))
	l.hidden = l.run(t, l.id+"_traffic", unseen, l.labels("traffic", false))
	l.foreign = l.run(t, l.id+"-foreign", image, map[string]string{endpoint.LabelLab: "other", endpoint.LabelVisible: "yes", "faultlab.test": l.id})
	l.serve(t)
	return l
}

func (l *lab) labels(role string, visible bool) map[string]string {
	m := map[string]string{endpoint.LabelLab: l.id, endpoint.LabelRole: role}
	if visible {
		m[endpoint.LabelVisible] = "yes"
	}
	return m
}

func (l *lab) network(t *testing.T, name, subnet string, labels map[string]string) {
	t.Helper()
	id, err := l.e.CreateNetwork(t.Context(), name, []netip.Prefix{netip.MustParsePrefix(subnet)}, true, labels)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.e.RemoveNetwork(context.Background(), id) })
}

func (l *lab) run(t *testing.T, name, image string, labels map[string]string) engine.Container {
	t.Helper()
	id := enginetest.Run(t, l.e, engine.Spec{Name: name, Image: image, Env: map[string]string{"ROLE": "ticker"}, Labels: labels, MemoryBytes: 32 << 20,
		Networks: []engine.Join{{Network: l.id + "_shop"}}})
	c, err := l.e.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (l *lab) serve(t *testing.T) {
	t.Helper()
	h := endpoint.New(endpoint.Config{
		Lab: l.id, Socket: l.e.SocketPath(), Workspace: "/workspace", Volume: t.TempDir(), Record: l.record,
		Resolve: func(rel string) error {
			if strings.Contains(rel, "link") {
				return fmt.Errorf("it leads through a symbolic link")
			}
			return nil
		},
		Images: func(ref string) bool {
			return strings.HasPrefix(ref, registry+"/") && !strings.HasPrefix(ref, registry+"/traffic")
		},
	})
	ln, err := net.Listen("unix", l.sock)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = ln
	srv.Start()
	t.Cleanup(srv.CloseClientConnections)
	t.Setenv("DOCKER_HOST", "unix://"+l.sock)
	if l.scoped, err = engine.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.scoped.Close() })
}

// ask sends one raw request, its path as it is written, and gives status and body.
func (l *lab) ask(t *testing.T, method, target, body string, header ...string) (int, string) {
	t.Helper()
	c, err := net.Dial("unix", l.sock)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	head := append([]string{"Host: docker", "Connection: close"}, header...)
	if body != "" && !strings.Contains(strings.Join(header, " "), "chunked") {
		head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if body != "" && !strings.Contains(strings.Join(header, " "), "Content-Type") {
		head = append(head, "Content-Type: application/json")
	}
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\n%s\r\n\r\n%s", method, target, strings.Join(head, "\r\n"), body)
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, string(b)
}
