package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shop": main, "await": await})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

// await is a command of the scripts: it ends as soon as a file is there.
func await() {
	for range 500 {
		if _, err := os.Stat(os.Args[1]); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	os.Exit(1)
}

func TestSIGTERMEndsAService(t *testing.T) {
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("listen: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for service, release := range map[string]string{"web": "5.8.0", "catalog": "2.13.1", "shipping": "1.0.0", "reports": "1.0.0"} {
		cmd := exec.Command("shop", service, "--config", config)
		// A race-detecting build waits a second at its end unless told otherwise.
		cmd.Env = append(os.Environ(), "SHOP_RELEASE="+release, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		lines, said := bufio.NewScanner(out), ""
		for !strings.Contains(said, `"msg":"serving"`) { // what it cannot reach here it may tell before
			if !lines.Scan() {
				t.Fatalf("%s does not serve: %s, %v", service, said, lines.Err())
			}
			said += lines.Text() + "\n"
		}
		began := time.Now()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", service, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s took %v to end; want less than 1s", service, took)
		}
	}
}
