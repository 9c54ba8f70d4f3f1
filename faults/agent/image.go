package agent

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"faultlab/faults/engine"
)

// ImageName is the repository of the images that hold the faultlab command.
const ImageName = "faultlab/control"

const (
	module  = "faultlab"
	command = "cmd/faultlab"
)

// BuildImage makes the image that agents (and whatever else runs the faultlab
// command in a container) run from, and gives its name,
// faultlab/control:<first 12 digits of the binary's SHA-256>. The image is one
// file, /faultlab, built static for the engine's machine from the source tree (that
// around the working directory, or the one that the module there requires) or, where
// there is none, this executable if it fits. An image that exists is not made again.
// A rootless engine is refused.
func BuildImage(ctx context.Context, e *engine.Engine) (string, error) {
	info, err := e.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("build agent image: %w", err)
	}
	if info.Rootless {
		return "", &Error{Code: NotSupported, Message: "not supported: the engine is rootless, and an agent in it has no rights over other containers' control groups and limits",
			Remedy: "use an engine that runs as root: unset DOCKER_HOST, or docker context use default"}
	}
	path, err := executable(ctx, goArch(info.Arch))
	if err != nil {
		return "", explain(fmt.Errorf("build agent image: %w", err))
	}
	ref, err := packImage(ctx, e, path, nil)
	return ref, explain(err)
}

// executable finds or builds the faultlab command for Linux.
func executable(ctx context.Context, arch string) (string, error) {
	root, err := sourceTree(ctx)
	if err != nil {
		return "", err
	}
	if root == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		if why := fits(self, arch); why != nil {
			return "", &Error{Code: NotSupported,
				Message: fmt.Sprintf("no source tree of %s here, and %s cannot run in a linux/%s container: %v", module, self, arch, why),
				Remedy:  "run it with go installed from the source tree or from a module that requires it, or use the static linux/" + arch + " build"}
		}
		return self, nil
	}
	return compile(ctx, root, command, arch)
}

// BuildBinary compiles a command of this module, such as "cmd/shop", to a static
// Linux binary for an architecture (Go's name), in the user's cache, and gives
// its path. It needs the source tree and Go. Go's own cache makes an unchanged
// tree cost about a second.
func BuildBinary(ctx context.Context, command, arch string) (string, error) {
	root, err := sourceTree(ctx)
	if err != nil {
		return "", err
	}
	if root == "" {
		return "", &Error{Code: NotSupported, Message: fmt.Sprintf("no source tree of %s here to build %s from", module, command),
			Remedy: "run it from the source tree: go run ./cmd/faultlab"}
	}
	return compile(ctx, root, command, goArch(arch))
}

func compile(ctx context.Context, root, command, arch string) (string, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", &Error{Code: NotSupported, Message: "the go command is not installed", Remedy: "install Go, see https://go.dev/dl"}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	// One place for each source tree: two of them must not overwrite each other.
	tree := sha256.Sum256([]byte(root))
	out := filepath.Join(cache, module, "bin", hex.EncodeToString(tree[:4]), "linux-"+arch, filepath.Base(command))
	// go build leaves an up-to-date output alone; the stamp of the version
	// control system would make every commit look like a change.
	build := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./"+command)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./%s in %s: %w\n%s", command, root, err, text)
	}
	return out, nil
}

// sourceTree is the module's root around the working directory, or where this
// binary was built if that is still there, or where the module around the working
// directory has it from (a binary built with -trimpath does not know); "" if none is.
func sourceTree(ctx context.Context) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if root := rootAbove(dir); root != "" {
		return root, nil
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if root := rootAbove(filepath.Dir(file)); root != "" {
			return root, nil
		}
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", ctx.Err() // no Go, or no module that requires this one
	}
	return strings.TrimSpace(string(out)), nil
}

var moduleLine = regexp.MustCompile(`(?m)^module ` + module + `$`)

func rootAbove(dir string) string {
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && moduleLine.Match(b) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// fits reports why an executable cannot run alone in a Linux container.
func fits(path, arch string) error {
	f, err := elf.Open(path)
	if err != nil {
		return errors.New("it is not a Linux executable")
	}
	defer f.Close()
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "386": elf.EM_386,
		"ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390, "riscv64": elf.EM_RISCV}
	if m, ok := want[arch]; !ok || f.Machine != m {
		return fmt.Errorf("it is for %v", f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it is not static")
		}
	}
	if bi, err := buildinfo.ReadFile(path); err != nil || bi.Path != module+"/"+command {
		return errors.New("it is not the faultlab command")
	}
	return nil
}

// goArch gives Go's name of an architecture the engine names like uname does.
func goArch(arch string) string {
	switch arch {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return arch
}

// packImage imports a binary as /faultlab unless its image exists.
func packImage(ctx context.Context, e *engine.Engine, path string, changes []string) (string, error) {
	// Read once: another build may replace the file meanwhile.
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read executable: %w", err)
	}
	sum := sha256.Sum256(b)
	ref := ImageName + ":" + hex.EncodeToString(sum[:])[:12]
	if ok, err := e.HasImage(ctx, ref); err != nil || ok {
		return ref, err
	}
	var file bytes.Buffer
	t := tar.NewWriter(&file)
	err = t.WriteHeader(&tar.Header{Name: module, Mode: 0o755, Size: int64(len(b))})
	if err == nil {
		_, err = t.Write(b)
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return "", fmt.Errorf("pack %s: %w", path, err)
	}
	changes = append([]string{`ENTRYPOINT ["/` + module + `"]`, "LABEL " + module + ".image=control"}, changes...)
	if err := e.Import(ctx, &file, ref, changes); err != nil {
		return "", err
	}
	return ref, nil
}
