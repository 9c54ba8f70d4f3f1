package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
)

// The test binary is its own container: packed into an image it plays the roles
// below, so the tests need neither a registry nor a shell.
func TestMain(m *testing.M) {
	switch os.Getenv("ROLE") {
	case "sleep":
		time.Sleep(time.Hour)
	case "echo":
		s := bufio.NewScanner(os.Stdin)
		for s.Scan() {
			fmt.Println("got", s.Text())
		}
		return
	case "guarded":
		guardAndDie()
		return
	case "web":
		http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	case "die":
		fmt.Fprintln(os.Stderr, "cannot go on")
		os.Exit(3)
	}
	if len(os.Args) > 1 && os.Args[1] == "upper" {
		b, _ := io.ReadAll(os.Stdin)
		fmt.Print(strings.ToUpper(string(b)))
		os.Exit(7)
	}
	os.Exit(m.Run())
}

const image = "faultlab/engine-test:latest"

func open(t *testing.T) *engine.Engine {
	t.Helper()
	e := enginetest.Open(t)
	enginetest.ImportSelf(t, e, image)
	return e
}

func run(t *testing.T, e *engine.Engine, s engine.Spec) string {
	t.Helper()
	s.Image = image
	return enginetest.Run(t, e, s)
}

func TestContainers(t *testing.T) {
	e := open(t)
	ctx := t.Context()
	label := fmt.Sprintf("faultlab.test=%d", os.Getpid())
	k, v, _ := strings.Cut(label, "=")
	seen, stop := context.WithCancel(ctx)
	defer stop()
	events := e.Events(seen, label)

	t.Run("network, address and alias", func(t *testing.T) {
		subnet := netip.MustParsePrefix("10.199.251.0/24")
		n, err := e.CreateNetwork(ctx, "faultlab-engine-test", subnet, true, map[string]string{k: v})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.RemoveNetwork(context.Background(), n) })
		id := run(t, e, engine.Spec{Env: map[string]string{"ROLE": "sleep"}, Labels: map[string]string{k: v}, MemoryBytes: 64 << 20,
			Networks: []engine.Join{{Network: "faultlab-engine-test", IP: netip.MustParseAddr("10.199.251.7")}}})
		c, err := e.Inspect(ctx, id)
		if err != nil || c.Networks["faultlab-engine-test"] != "10.199.251.7" || !c.Running() || c.Pid == 0 || c.MemoryLimit != 64<<20 {
			t.Fatalf("inspect: %+v, %v", c, err)
		}
		u, err := e.Usage(ctx, id)
		if err != nil || u.MemoryBytes == 0 || u.LimitBytes != 64<<20 {
			t.Fatalf("usage: %+v, %v", u, err)
		}
		if err := e.Disconnect(ctx, n, id); err != nil {
			t.Fatal(err)
		}
		if err := e.Connect(ctx, n, id, netip.MustParseAddr("10.199.251.8")); err != nil {
			t.Fatal(err)
		}
		if c, err = e.Inspect(ctx, id); err != nil || c.Networks["faultlab-engine-test"] != "10.199.251.8" {
			t.Errorf("moved: %v, %v", c.Networks, err)
		}
		other := run(t, e, engine.Spec{Env: map[string]string{"ROLE": "sleep"}, Networks: []engine.Join{{Network: "faultlab-engine-test"}}})
		c, err = e.Inspect(ctx, other)
		if got, _ := netip.ParseAddr(c.Networks["faultlab-engine-test"]); err != nil || !netip.MustParsePrefix("10.199.251.128/25").Contains(got) {
			t.Errorf("nobody chose %s, %v; want one of the upper half", got, err)
		}
		e.Remove(ctx, other)
		e.Remove(ctx, id)
		if _, err := e.Inspect(ctx, id); !engine.IsNotFound(err) {
			t.Fatalf("after removal: %v; want not found", err)
		}
		if err := e.Remove(ctx, id); err != nil {
			t.Fatalf("second removal: %v", err)
		}
	})

	t.Run("exec carries stdin, stdout and the exit code", func(t *testing.T) {
		id := run(t, e, engine.Spec{Env: map[string]string{"ROLE": "sleep"}})
		r, err := e.Exec(ctx, id, engine.Command{Args: []string{"/self", "upper"}, Env: []string{"ROLE="}, Stdin: strings.NewReader("quiet")})
		if err != nil || r.Code != 7 || r.Stdout != "QUIET" {
			t.Fatalf("got %+v, %v", r, err)
		}
	})

	t.Run("stdin closes with the attached client", func(t *testing.T) {
		id, err := e.Create(ctx, engine.Spec{Image: image, Env: map[string]string{"ROLE": "echo"}, StdinOnce: true})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Remove(ctx, id)
		c, err := e.Attach(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(ctx, id); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(c, "hello")
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || line != "got hello\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		c.Close()
		if code, err := e.Wait(ctx, id); err != nil || code != 0 {
			t.Fatalf("after closing: code %d, %v; want the container to end", code, err)
		}
	})

	t.Run("launch waits for health, and leaves nothing when it fails", func(t *testing.T) {
		id, err := e.Launch(ctx, engine.Spec{Image: image, Env: map[string]string{"ROLE": "web"}, Publish: []string{"8080/tcp"}}, "/", 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Remove(ctx, id)
		c, _ := e.Inspect(ctx, id)
		if !strings.HasPrefix(c.Ports["8080/tcp"], "127.0.0.1:") {
			t.Fatalf("ports %v; want one on the loopback", c.Ports)
		}
		_, err = e.Launch(ctx, engine.Spec{Name: "faultlab-engine-dies", Image: image, Env: map[string]string{"ROLE": "die"}, Publish: []string{"8080/tcp"}}, "/", 3*time.Second)
		if err == nil || !strings.Contains(err.Error(), "cannot go on") {
			t.Fatalf("got %v; want the end of its log", err)
		}
		if _, err := e.Inspect(ctx, "faultlab-engine-dies"); !engine.IsNotFound(err) {
			t.Fatalf("left behind: %v", err)
		}
	})

	stop()
	got := map[string]bool{}
	for ev := range events {
		got[ev.Action] = true
	}
	if !got["create"] || !got["start"] || !got["destroy"] {
		t.Errorf("events %v; want create, start and destroy among them", got)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	_, err := engine.Open(t.Context())
	u, ok := err.(*engine.Unavailable)
	if !ok || u.Hint() == "" || !strings.Contains(u.Error(), "/nowhere/docker.sock") {
		t.Fatalf("got %#v; want *Unavailable with the address and a hint", err)
	}
}
