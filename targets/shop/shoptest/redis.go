package shoptest

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// Redis is a Redis of its own that keeps nothing on disk.
type Redis struct {
	Address string // 127.0.0.1:port
	dir     string
	cmd     *exec.Cmd // nil while it is stopped
}

// StartRedis runs a Redis until the test ends. It skips the test where Redis is not
// installed, unless FAULTLAB_REQUIRE=1.
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip("redis-server is not installed; e.g. apt-get install redis-server")
	}
	r := &Redis{Address: "127.0.0.1:" + strconv.Itoa(freePort(t)), dir: t.TempDir()}
	t.Cleanup(r.Stop)
	r.Run(t)
	return r
}

// Run starts it, after Stop at the same address and empty.
func (r *Redis) Run(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", r.Address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal(err)
		}
	}
}

// Stop kills it. A second Stop does nothing.
func (r *Redis) Stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
