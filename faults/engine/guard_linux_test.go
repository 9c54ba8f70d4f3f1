package engine_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults/engine"
)

// shelf is an engine that only removes containers: those that are there and do not run.
type shelf struct {
	mu    sync.Mutex
	state map[string]string
	asked int
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	if r.Method != http.MethodDelete {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	_, name, _ := strings.Cut(r.URL.Path, "/v1.41/containers/")
	switch s.state[name] {
	case "created":
		delete(s.state, name)
		w.WriteHeader(http.StatusNoContent)
	case "running":
		w.WriteHeader(http.StatusConflict)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *shelf) set(name, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state[name] = state
}

func (s *shelf) get(name string) (state string, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state[name], s.asked
}

func TestGuard(t *testing.T) {
	for _, tt := range []struct {
		name, state string // of the container when its maker is killed
		release     bool
		later       string // state some time later
		want        string
		asked       bool
	}{
		{"never started", "created", false, "", "", true},
		{"being created", "", false, "created", "", true},
		{"started", "running", false, "", "running", true},
		{"released", "created", true, "", "created", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{state: map[string]string{}}
			socket := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: s}
			go srv.Serve(l)
			defer srv.Close()
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), "ROLE=guarded", "DOCKER_HOST=unix://"+socket)
			if tt.release {
				cmd.Env = append(cmd.Env, "RELEASE=1")
			}
			in, _ := cmd.StdinPipe()
			defer in.Close()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 100)
			if n, _ := out.Read(line); string(line[:n]) != "guarded\n" {
				t.Fatalf("the maker says %q", line[:n])
			}
			if tt.state != "" {
				s.set("a", tt.state)
			}
			cmd.Process.Kill()
			began := time.Now()
			// Nobody but the maker has its stdout: the guard has let go of it.
			if n, err := out.Read(line); err != io.EOF {
				t.Errorf("read %d bytes, %v", n, err)
			}
			if took := time.Since(began); took > 500*time.Millisecond {
				t.Errorf("the guard held the maker's stdout for %v", took)
			}
			cmd.Wait()
			if tt.later != "" {
				time.Sleep(1500 * time.Millisecond)
				s.set("a", tt.later)
			}
			if !tt.asked {
				time.Sleep(1500 * time.Millisecond) // a guard would have asked by now
			}
			state, asked := s.get("a")
			for ; time.Since(began) < 5*time.Second && (state != tt.want || (asked > 0) != tt.asked); state, asked = s.get("a") {
				time.Sleep(10 * time.Millisecond)
			}
			if state != tt.want || (asked > 0) != tt.asked {
				t.Errorf("the container is %q, want %q; the engine was asked %d times", state, tt.want, asked)
			}
			t.Logf("done %v after the kill", time.Since(began).Round(time.Millisecond))
		})
	}
}

// A guard that is not needed costs next to nothing, and leaves no process.
func TestGuardIsCheap(t *testing.T) {
	s := &shelf{state: map[string]string{}}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s}
	go srv.Serve(l)
	defer srv.Close()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	e, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	least := time.Hour
	for range 20 {
		began := time.Now()
		release := e.Guard("a")
		release()
		release()
		least = min(least, time.Since(began))
	}
	if least > 5*time.Millisecond {
		t.Errorf("a guard takes %v; want less than 5 ms", least)
	}
	t.Logf("a guard takes %v", least)
	if pid, err := unix.Wait4(-1, nil, unix.WALL|unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("there is a child: %d, %v", pid, err)
	}
}
