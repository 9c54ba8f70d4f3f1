// Package images makes the images that labs run from, on the engine itself.
//
// Every image's tag is a digest of all that goes into it, so nothing is built
// twice, and a changed source file is never run stale. A tag is given last:
// what was interrupted is simply not there.
package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/targets/db"
	"faultlab/targets/images"
)

// Set names the images of one state of the source.
type Set struct {
	Control  string `json:"control"`  // the faultlab binary: control and agent
	Registry string `json:"registry"` // prefix of the shop's images, e.g. registry.shop.internal/3fa9c1d2e4b5
}

// Say is told what is going on: done of steps, and a line about the step.
type Say func(done, of int, text string)

// steps of Ensure, for progress
const steps = 5

// Ensure makes what is missing and gives the images' names. Two commands that
// build at the same time take turns.
func Ensure(ctx context.Context, e *engine.Engine, say Say) (Set, error) {
	way, err := baseWay()
	if err != nil {
		return Set{}, err
	}
	info, err := e.Info(ctx)
	if err != nil {
		return Set{}, err
	}
	if info.OS != "linux" {
		return Set{}, fmt.Errorf("the engine runs %s containers; labs need linux ones", info.OS)
	}
	dir, err := cacheDir()
	if err != nil {
		return Set{}, err
	}
	say(0, steps, "looking for what there is")
	unlock, err := lockedfile.MutexAt(path.Join(dir, "images.lock")).Lock()
	if err != nil {
		return Set{}, fmt.Errorf("lock the builds: %w", err)
	}
	defer unlock()
	set, err := ensure(ctx, e, info.Arch, way, say)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "no space left") {
		return Set{}, &Problem{Err: err, Remedy: fmt.Sprintf("free about 2 GB on the engine's disk (%s) and in %s; docker system df shows what takes it", info.RootDir, os.TempDir())}
	}
	return set, err
}

// Problem is an error with what the user can do about it.
type Problem struct {
	Err    error
	Remedy string
}

func (p *Problem) Error() string { return p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

// Hint is the remedy.
func (p *Problem) Hint() string { return p.Remedy }

func ensure(ctx context.Context, e *engine.Engine, arch, way string, say Say) (Set, error) {
	say(0, steps, "faultlab itself")
	control, err := agent.BuildImage(ctx, e)
	if err != nil {
		return Set{}, err
	}
	say(1, steps, "the shop's binaries")
	binaries := map[string][]byte{}
	for _, name := range []string{images.BinaryName, images.ProfileName} {
		built, err := agent.BuildBinary(ctx, "cmd/"+name, arch)
		if err != nil {
			return Set{}, err
		}
		if binaries[name], err = os.ReadFile(built); err != nil {
			return Set{}, err
		}
	}
	say(2, steps, "base system")
	base, err := ensureBase(ctx, e, way, func(text string) { say(2, steps, "base system: "+text) })
	if err != nil {
		return Set{}, err
	}
	say(3, steps, "the shop's system and database")
	system, digest, err := ensureSystem(ctx, e, base, binaries, func(text string) { say(3, steps, "the shop's system and database: "+text) })
	if err != nil {
		return Set{}, err
	}
	say(4, steps, "releases")
	registry := "registry.shop.internal/" + digest
	if err := ensureReleases(ctx, e, system, registry); err != nil {
		return Set{}, err
	}
	say(steps, steps, "ready")
	return Set{Control: control, Registry: registry}, nil
}

func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for build results: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	dir = path.Join(dir, "faultlab")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a place for build results: %w", err)
	}
	return dir, nil
}

// digest names a content: twelve hex digits of SHA-256.
func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// seedSteps are the SQL files of the database, in order, and where they run.
func seedSteps() (steps []images.SQL, files map[string][]byte, err error) {
	files = map[string][]byte{}
	for _, name := range db.Order {
		b, err := db.Files.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		where := "shop"
		if name == db.Order[0] {
			where = "postgres"
		}
		steps = append(steps, images.SQL{File: name, Database: where})
		files[path.Join(images.SQLDir, name)] = b
	}
	return steps, files, nil
}

func ensureSystem(ctx context.Context, e *engine.Engine, base string, binaries map[string][]byte, say func(string)) (ref, sum string, err error) {
	sql, files, err := seedSteps()
	if err != nil {
		return "", "", err
	}
	maps.Copy(files, images.Rootfs())
	maps.Copy(files, binaries)
	dockerfile := images.System(base, sql)
	parts := [][]byte{[]byte(dockerfile)}
	names := sortedKeys(files)
	for _, n := range names {
		parts = append(parts, []byte(n), files[n])
	}
	for _, r := range images.Releases() {
		parts = append(parts, []byte(r.Dockerfile("")))
	}
	sum = digest(parts...)
	ref = "faultlab/system:" + sum
	if have, err := e.HasImage(ctx, ref); err != nil || have {
		return ref, sum, err
	}
	files["Dockerfile"] = []byte(dockerfile)
	err = build(ctx, e, files, ref, "system", func(line string) {
		if s, ok := strings.CutPrefix(line, "Step "); ok {
			say("step " + firstWord(s))
		}
	})
	return ref, sum, err
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

func sortedKeys(m map[string][]byte) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// ensureReleases tags every release of every service. Where the engine does not
// take configurations without layers, each is built from its Dockerfile.
func ensureReleases(ctx context.Context, e *engine.Engine, system, registry string) error {
	var missing []images.Release
	for _, r := range images.Releases() {
		have, err := e.HasImage(ctx, registry+"/"+r.Name())
		if err != nil {
			return err
		}
		if !have {
			missing = append(missing, r)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	arch, layers, err := e.Layers(ctx, system)
	if err != nil {
		return err
	}
	archive, err := images.Archive(images.Base{Architecture: arch, OS: "linux", DiffIDs: layers}, registry, time.Now(), missing)
	if err != nil {
		return err
	}
	quick := e.Load(ctx, bytes.NewReader(archive))
	if quick == nil {
		return nil
	}
	for _, r := range missing {
		files := map[string][]byte{"Dockerfile": []byte(r.Dockerfile(system))}
		if err := build(ctx, e, files, registry+"/"+r.Name(), "shop", nil); err != nil {
			return errors.Join(err, fmt.Errorf("and before that: %w", quick))
		}
	}
	return nil
}

// build makes an image from a build context.
func build(ctx context.Context, e *engine.Engine, files map[string][]byte, ref, what string, line func(string)) error {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, n := range sortedKeys(files) {
		mode := int64(0o644)
		if bytes.HasPrefix(files[n], []byte("#!")) || bytes.HasPrefix(files[n], []byte("\x7fELF")) {
			mode = 0o755
		}
		// The builder's cache looks at times too; a fixed one keeps what did not change.
		if err := w.WriteHeader(&tar.Header{Name: n, Mode: mode, Size: int64(len(files[n])), ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
		if _, err := w.Write(files[n]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return e.Build(ctx, &buf, ref, map[string]string{images.Label: what}, line)
}
