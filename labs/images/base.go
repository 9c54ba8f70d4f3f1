package images

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/targets/images"
)

// EnvBase chooses the way to the base image: "registry" or "mmdebstrap". By
// default the registry's is taken where it answers.
const EnvBase = "FAULTLAB_BASE"

// baseWay is the way that was chosen: "registry", "mmdebstrap", or "" for whichever
// there is.
func baseWay() (string, error) {
	way := os.Getenv(EnvBase)
	switch way {
	case "", "registry", "mmdebstrap":
		return way, nil
	}
	return "", &Problem{Err: fmt.Errorf("%s is %q; want registry or mmdebstrap", EnvBase, way), Remedy: "unset it, and the registry's way is taken where one answers"}
}

// ensureBase makes the Debian that everything stands on, in the way chosen.
func ensureBase(ctx context.Context, e *engine.Engine, way string, say func(string)) (string, error) {
	how := images.Bootstrap{}
	ref := "faultlab/base:" + digest([]byte(images.Dockerfile()), []byte(strings.Join(how.Args(), "\n")))
	if have, err := e.HasImage(ctx, ref); err != nil || have {
		return ref, err
	}
	debian := "debian:" + images.Suite + "-slim"
	if way == "" {
		way = "mmdebstrap"
		if haveDebian(ctx, e, debian, say) {
			way = "registry"
		}
	}
	if way == "registry" {
		return ref, fromRegistry(ctx, e, ref, say)
	}
	return ref, fromPackages(ctx, e, ref, how, say)
}

// haveDebian tells whether the Debian image is there or can be fetched.
func haveDebian(ctx context.Context, e *engine.Engine, ref string, say func(string)) bool {
	if have, err := e.HasImage(ctx, ref); err == nil && have {
		return true
	}
	say("asking for a registry")
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	return e.Pull(ctx, ref, func(line string) { say("pulling " + ref) }) == nil
}

func fromRegistry(ctx context.Context, e *engine.Engine, ref string, say func(string)) error {
	files := map[string][]byte{"Dockerfile": []byte(images.Dockerfile())}
	return build(ctx, e, files, ref, "base", func(line string) {
		if s, ok := strings.CutPrefix(line, "Step "); ok {
			say("Dockerfile step " + firstWord(s))
		}
	})
}

// fromPackages makes the base image without any registry: mmdebstrap writes a
// root file system to its stdout, which the engine imports as it comes.
func fromPackages(ctx context.Context, e *engine.Engine, ref string, how images.Bootstrap, say func(string)) error {
	bin, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return &Problem{
			Err:    errors.New("no registry answers, and mmdebstrap, which makes the base image without one, is not installed"),
			Remedy: "apt-get install mmdebstrap, or give the engine access to a registry that has debian:" + images.Suite + "-slim",
		}
	}
	tmp, err := scratch()
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(ctx, bin, how.Args()...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	// The kernel's parent-death signal follows the thread that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	endWithUs(cmd)
	pr, pw := io.Pipe()
	cmd.Stdout = pw
	messages, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start mmdebstrap: %w", err)
	}
	imported := make(chan error, 1)
	go func() {
		err := e.Import(ctx, pr, ref, []string{"LABEL " + images.Label + "=base"})
		pr.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		imported <- err
	}()
	var tail []string
	for s := bufio.NewScanner(messages); s.Scan(); {
		if text, ok := strings.CutPrefix(s.Text(), "I: "); ok {
			say(text)
		} else if strings.HasPrefix(s.Text(), "E: ") {
			tail = append(tail, s.Text())
		}
	}
	err = cmd.Wait()
	if err != nil {
		err = fmt.Errorf("mmdebstrap: %w %s", err, strings.Join(tail, "; "))
	}
	// An error here breaks the import off: a root file system that is not whole
	// never becomes an image.
	if err != nil {
		pw.CloseWithError(err)
	} else {
		pw.Close()
	}
	if ierr := <-imported; err == nil && ierr != nil {
		return ierr
	}
	return err
}

// scratch makes a folder for a build and clears those of builds that were killed:
// the builds' lock is held, so nobody uses them. It is not in the user's cache:
// mmdebstrap downloads without privileges and must be able to pass through.
func scratch() (string, error) {
	tmp := filepath.Join(os.TempDir(), fmt.Sprintf("faultlab-build-%d", os.Getuid()))
	if err := os.RemoveAll(tmp); err != nil {
		return "", fmt.Errorf("clear an earlier build: %w", err)
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return "", fmt.Errorf("make room for the build: %w", err)
	}
	return tmp, nil
}
