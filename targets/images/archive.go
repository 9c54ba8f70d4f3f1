package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// Base is what has to be known of the system image to derive tags from it, as
// an image inspection tells it.
type Base struct {
	Architecture string   // e.g. "amd64"
	OS           string   // "linux"
	DiffIDs      []string // RootFS.Layers
}

// imageConfig is the part of an image's configuration that is needed here; see
// the image specification v1.2 of the Moby project.
type imageConfig struct {
	Architecture string          `json:"architecture"`
	OS           string          `json:"os"`
	Created      time.Time       `json:"created"`
	Config       containerConfig `json:"config"`
	RootFS       rootFS          `json:"rootfs"`
	History      []history       `json:"history"`
}

type containerConfig struct {
	User       string            `json:",omitempty"`
	Env        []string          `json:",omitempty"`
	Entrypoint []string          `json:",omitempty"`
	WorkingDir string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	StopSignal string            `json:",omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// Archive returns the releases as one archive for an image load, tagged below
// registry. It holds configurations only: the layers are those of the system
// image, which the engine has already. All tags together take a second, where
// building each from its Dockerfile takes minutes on an engine without native
// diffs.
//
// An engine that insists on the layers refuses the archive; the caller then
// builds each Release.Dockerfile, which comes out the same.
func Archive(base Base, registry string, created time.Time, releases []Release) ([]byte, error) {
	if len(base.DiffIDs) == 0 {
		return nil, fmt.Errorf("system image has no layers; want at least one")
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var (
		buf      bytes.Buffer
		manifest []entry
		w        = tar.NewWriter(&buf)
	)
	add := func(name string, v any) error {
		data, ok := v.([]byte)
		if !ok {
			var err error
			if data, err = json.Marshal(v); err != nil {
				return err
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: created}); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}
	layers := make([]string, len(base.DiffIDs))
	for i := range layers {
		layers[i] = fmt.Sprintf("layer%d.tar", i) // never read
	}
	for _, r := range releases {
		config, err := json.Marshal(r.config(base, created.UTC()))
		if err != nil {
			return nil, fmt.Errorf("configuration of %s: %w", r.Name(), err)
		}
		name := fmt.Sprintf("%x.json", sha256.Sum256(config))
		if err := add(name, config); err != nil {
			return nil, fmt.Errorf("archive of %s: %w", r.Name(), err)
		}
		manifest = append(manifest, entry{name, []string{registry + "/" + r.Name()}, layers})
	}
	if err := add("manifest.json", manifest); err != nil {
		return nil, fmt.Errorf("archive's manifest: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archive's end: %w", err)
	}
	return buf.Bytes(), nil
}

func (r Release) config(base Base, created time.Time) imageConfig {
	c := imageConfig{
		Architecture: base.Architecture,
		OS:           base.OS,
		Created:      created,
		Config: containerConfig{
			User:       r.User,
			Env:        r.environment(),
			Entrypoint: r.Entrypoint,
			WorkingDir: r.Workdir,
			Labels:     r.labels(),
			StopSignal: r.StopSignal,
		},
		RootFS: rootFS{Type: "layers", DiffIDs: base.DiffIDs},
	}
	for range base.DiffIDs {
		c.History = append(c.History, history{Created: created, CreatedBy: "system"})
	}
	return c
}
