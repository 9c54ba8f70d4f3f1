package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/targets/shop/service"
)

// This test's program is the host, and all that runs on it.
func TestMain(m *testing.M) {
	role := os.Getenv("HOST_TEST_ROLE")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(2)
	}
}

var roles = map[string]func(args []string) error{
	"host": func(args []string) error {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		c := DefaultConfig()
		out := NewOutput(os.Stdout)
		return service.Run(ctx, Name, args[0], &c, out, func(ctx context.Context, on *service.Service, c *Config) (func(), error) {
			return Build(ctx, on, c, out)
		})
	},
	// exit says something and ends with a code.
	"exit": func(args []string) error {
		fmt.Println("this is the end")
		code, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		os.Exit(code)
		return nil
	},
	// serve tells of signals, and stops at SIGTERM unless it is stubborn.
	"serve": func(args []string) error {
		got := make(chan os.Signal, 4)
		signal.Notify(got, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
		fmt.Println("serving")
		for s := range got {
			fmt.Println("got", s)
			if s == syscall.SIGTERM && len(args) == 0 {
				return nil
			}
		}
		return nil
	},
	// leave ends at once and leaves a child behind, in a session of its own.
	"leave": func(args []string) error {
		child := exec.Command(os.Args[0], args[1:]...)
		child.Env, child.Stdout = append(os.Environ(), "HOST_TEST_ROLE="+args[0]), os.Stdout
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return err
		}
		fmt.Println("left", child.Process.Pid)
		return nil
	},
	// nurse runs a child and another one when it ends.
	"nurse": func(args []string) error {
		for {
			child := exec.Command(os.Args[0], args[1:]...)
			child.Env = append(os.Environ(), "HOST_TEST_ROLE="+args[0])
			fmt.Println("child:", child.Run())
			time.Sleep(time.Hour)
		}
	},
	// eat takes memory until it has so many MiB, and keeps it.
	"eat": func(args []string) error {
		mib, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		var kept [][]byte
		for range mib {
			b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
			if err != nil {
				return err
			}
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
			time.Sleep(4 * time.Millisecond)
		}
		fmt.Println("ate", len(kept))
		time.Sleep(time.Hour)
		return nil
	},
	// limits says what bounds its memory.
	"limits": func([]string) error {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_AS, &l); err != nil {
			return err
		}
		g, err := ownGroup()
		if err != nil {
			return err
		}
		space := strconv.FormatUint(l.Cur, 10)
		if l.Cur == unix.RLIM_INFINITY {
			space = "unlimited"
		}
		fmt.Printf("address space %s, control group %s of %d\n", space, filepath.Base(g.dir), g.limit())
		time.Sleep(time.Hour)
		return nil
	},
}
