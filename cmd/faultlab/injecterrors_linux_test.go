package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
)

// through is the address of the real engine behind a hand that may answer in its place:
// it tells whether it has.
func through(t *testing.T, e *engine.Engine, answers func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", e.SocketPath())
		}},
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return "DOCKER_HOST=unix://" + socket
}

// refusing is an engine that fails to create containers.
func refusing(t *testing.T, e *engine.Engine, code int, message string) string {
	return through(t, e, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/containers/create") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"message":%q}`, message)
		return true
	})
}

// fullDisk is a file system that nothing more fits into.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4k,nr_inodes=1"); err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatalf("required here: %v", err)
		}
		t.Skip("no file system can be mounted: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// inNetwork runs a script in a container's network.
func inNetwork(t *testing.T, e *engine.Engine, name, script string) string {
	t.Helper()
	c, err := e.Inspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("nsenter", "-n", "-t", strconv.Itoa(c.Pid), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

const rulesOf = "nft list ruleset; tc qdisc show; ip -o link"

// What can go wrong with an injection ends with one line of error, one of hint, exit code
// 2, and nothing left.
func TestInjectErrors(t *testing.T) {
	e := enginetest.Open(t)
	name := target(t, e)
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	other := func(kind string, s engine.Spec) string {
		s.Name, s.Image, s.Cmd, s.StdinOnce = fmt.Sprintf("inject-%s-%d", kind, os.Getpid()), image, []string{"agent"}, true
		enginetest.Run(t, e, s)
		return s.Name
	}
	stopped := other("stopped", engine.Spec{})
	if err := e.Stop(t.Context(), stopped, 0); err != nil {
		t.Fatal(err)
	}
	full := other("full", engine.Spec{Tmpfs: map[string]string{"/data": "size=64k"}})
	c, err := e.Inspect(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(fmt.Sprintf("/proc/%d/root/data/all", c.Pid), make([]byte, 1<<20), 0o600)
	if c, err = e.Inspect(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	nobody := "" // an address of the target's own network that nobody has
	for _, ip := range c.Networks {
		nobody = ip[:strings.LastIndexByte(ip, '.')] + ".254"
	}
	latency := []string{"latency", "--param", "delay=200ms", "--for", "20s"}
	for _, tt := range []struct {
		name, target string
		args         []string
		env          string
		text, hint   string
		detach       bool // also by a helper
	}{
		{"a parameter out of range", name, []string{"loss", "--param", "percent=101"}, "", "want above 0, up to 100", "faultlab faults loss", false},
		{"a parameter that is none", name, []string{"latency", "--param", "delay=fast"}, "", `"fast" is not a duration`, "faultlab faults latency", false},
		{"no such container", "inject-nobody", latency, "", "no container", "docker ps", false},
		{"a stopped container", stopped, latency, "", "is not running but exited", "docker start", true},
		{"the host's network", other("host", engine.Spec{Networks: []engine.Join{{Network: "host"}}}), latency, "", "shares the host's network", "--network host", false},
		{"no network", other("alone", engine.Spec{NoNetwork: true}), latency, "", "no address to probe", "probe", true},
		{"nobody answers", name, append([]string{"--probe", nobody}, latency...), "", nobody, "probe", true},
		{"a target whose disk is full", full, []string{"disk-fill", "--param", "path=/data", "--param", "percent=100"}, "", "as full without the fault", "faultlab faults", false},
		{"the engine's disk is full", name, latency, refusing(t, e, 500, "mkdir /var/lib/docker/x: no space left on device"), "no space left on device", "df", true},
		{"this machine's disk is full", name, latency, "GOTMPDIR=" + fullDisk(t), "no space left on device", "df", false},
		{"an engine that gives no privileges", name, latency, refusing(t, e, 403, "authorization denied by plugin p: privileged"), "authorization denied", "privileged", false},
		{"a rootless engine", name, latency, through(t, e, func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/info") {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"SecurityOptions":["name=seccomp,profile=default","name=rootless"]}`)
				return true
			}
			return false
		}), "the engine is rootless", "runs as root", false},
	} {
		for _, more := range [][]string{nil, {"--detach"}}[:1+n(tt.detach)] {
			t.Run(strings.Join(append([]string{tt.name}, more...), " "), func(t *testing.T) {
				before := inNetwork(t, e, name, rulesOf)
				cmd := exec.Command("faultlab", append(append([]string{"inject", tt.target}, tt.args...), more...)...)
				cmd.Env = append(os.Environ(), tt.env)
				out, code := outcome(t, cmd)
				if code != 2 || !twoLines.MatchString(out) || !strings.Contains(out, tt.text) || !strings.Contains(out[strings.Index(out, "hint:"):], tt.hint) {
					t.Errorf("ended with %d; want %q and the hint %q:\n%s", code, tt.text, tt.hint, out)
				}
				nothingOn(t, e, tt.target, 5*time.Second)
				if after := inNetwork(t, e, name, rulesOf); after != before {
					t.Errorf("the target is not as before:\n%s\nbefore:\n%s", after, before)
				}
			})
		}
	}
}

// n is 1 for true.
func n(b bool) int {
	if b {
		return 1
	}
	return 0
}

// nothingOn fails unless there are soon no containers of an injection on a target.
func nothingOn(t *testing.T, e *engine.Engine, target string, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		on, err := agent.ListHeld(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if on = meant(on, target); len(on) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still on: %+v", on)
		}
	}
}

// A container that ends while a fault is put into it, or is removed while one is there.
func TestInjectIntoContainerThatEnds(t *testing.T) {
	e := enginetest.Open(t)
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, percent, until string
		end                  func(id string) error
		text                 string
	}{
		// With so few losses it takes seconds to see them.
		{"ends while injecting", "0.1", "faultlab", func(id string) error { return e.Kill(t.Context(), id, "SIGKILL") }, "ended"},
		{"removed while active", "50", "is active", func(id string) error { return e.Remove(t.Context(), id) }, "the container was removed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := fmt.Sprintf("inject-ends-%d", os.Getpid())
			id, err := e.Run(t.Context(), engine.Spec{Name: name, Image: image, Cmd: []string{"agent"}, StdinOnce: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { e.Remove(context.WithoutCancel(t.Context()), id) })
			cmd := exec.Command("faultlab", "inject", name, "loss", "--param", "percent="+tt.percent, "--for", "60s")
			var said, failed strings.Builder
			cmd.Stderr = &failed
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if tt.until == "faultlab" { // its table is there: it measures
				for end := time.Now().Add(30 * time.Second); !strings.Contains(inNetwork(t, e, name, "nft list ruleset"), "queue"); time.Sleep(5 * time.Millisecond) {
					if time.Now().After(end) {
						t.Error("it does not inject")
						break
					}
				}
			} else {
				b := make([]byte, 4096)
				n, _ := out.Read(b)
				if said.Write(b[:n]); !strings.Contains(said.String(), tt.until) {
					t.Errorf("it says %q", said.String())
				}
			}
			if err := tt.end(id); err != nil {
				t.Error(err)
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 2 || !twoLines.MatchString(failed.String()) || !strings.Contains(failed.String(), tt.text) {
				t.Errorf("ended with %d:\n%s", code, failed.String())
			}
			nothingOn(t, e, name, 5*time.Second)
		})
	}
}
