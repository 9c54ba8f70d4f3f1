package agent

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"faultlab/faults/engine"
)

// BuildBinary compiles a command of this module ("./cmd/faultlab") to a static
// Linux binary for an architecture (Go's name), in the user's cache, and gives
// its path. Go's own build cache makes an unchanged tree cost about a second.
func BuildBinary(ctx context.Context, pkg, arch string) (string, error) {
	src, err := sourceTree()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for %s: %w (set HOME or XDG_CACHE_HOME)", pkg, err)
	}
	out := filepath.Join(cache, "faultlab", "linux-"+arch, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", pkg, err, strings.TrimSpace(string(text)))
	}
	return out, nil
}

// BuildImage makes the image of the faultlab command, one static binary and
// nothing else, and gives its name, which carries a digest of the binary. It
// serves as the agent's image and as that of a lab's control. It is made from
// the source tree where there is one, else from the running binary itself.
func BuildImage(ctx context.Context, e *engine.Engine) (string, error) {
	info, err := e.Info(ctx)
	if err != nil {
		return "", err
	}
	path, err := BuildBinary(ctx, "./cmd/faultlab", info.Arch)
	if errors.Is(err, errNoSource) {
		path, err = ownBinary(info.Arch)
	}
	if err != nil {
		return "", err
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read faultlab's binary: %w", err)
	}
	sum := sha256.Sum256(binary)
	ref := "faultlab/control:" + hex.EncodeToString(sum[:6])
	if have, err := e.HasImage(ctx, ref); err != nil || have {
		return ref, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "faultlab", Mode: 0o755, Size: int64(len(binary))}); err != nil {
		return "", err
	}
	if _, err := w.Write(binary); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return ref, e.Import(ctx, &buf, ref, []string{`ENTRYPOINT ["/faultlab"]`, "LABEL faultlab.image=control"})
}

var errNoSource = errors.New("the source tree of faultlab is not at hand; run it there with `go run ./cmd/faultlab`")

// sourceTree finds the module's folder: where this file was compiled from, or the
// current folder's module.
func sourceTree() (string, error) {
	var from []string
	if _, file, _, ok := runtime.Caller(0); ok {
		from = append(from, filepath.Dir(file))
	}
	if wd, err := os.Getwd(); err == nil {
		from = append(from, wd)
	}
	for _, dir := range from {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && strings.HasPrefix(string(b), "module faultlab\n") {
				return dir, nil
			}
		}
	}
	return "", errNoSource
}

// ownBinary gives the path of the running binary if it can be another container's
// only file: static, for Linux and the architecture.
func ownBinary(arch string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := elf.Open(self)
	if err != nil || runtime.GOARCH != arch {
		return "", errNoSource
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errNoSource
		}
	}
	return self, nil
}
