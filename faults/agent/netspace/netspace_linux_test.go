package netspace

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// What a thread has for itself is never changed on the main thread, wherever it is called.
func TestThreadIsNotTheMainOne(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal("required here: root")
		}
		t.Skip("not root")
	}
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			err := Thread(func() error {
				if unix.Gettid() == os.Getpid() {
					t.Error("ran on the main thread")
				}
				return unix.Unshare(unix.CLONE_NEWNET)
			})
			if err != nil {
				t.Error(err)
			}
			runtime.Gosched()
		})
	}
	wg.Wait()
	if after, _ := os.Readlink("/proc/self/ns/net"); after != before {
		t.Errorf("the process is in %s; it was in %s", after, before)
	}
}
