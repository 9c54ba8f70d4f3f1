package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
)

// Image is one of the engine's images.
type Image struct {
	ID     string
	Tags   []string
	Labels map[string]string
	Bytes  int64
}

// HasImage tells whether the engine holds an image of that name.
func (e *Engine) HasImage(ctx context.Context, ref string) (bool, error) {
	_, err := e.cli.ImageInspect(ctx, ref)
	if IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for image %s: %w", ref, err)
	}
	return true, nil
}

// Images lists the images that carry all the labels.
func (e *Engine) Images(ctx context.Context, labels ...string) ([]Image, error) {
	rs, err := e.cli.ImageList(ctx, image.ListOptions{Filters: labelFilter(labels)})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var out []Image
	for _, r := range rs {
		out = append(out, Image{ID: r.ID, Tags: r.RepoTags, Labels: r.Labels, Bytes: r.Size})
	}
	return out, nil
}

// Tag gives an image a further name.
func (e *Engine) Tag(ctx context.Context, ref, name string) error {
	if err := e.cli.ImageTag(ctx, ref, name); err != nil {
		return fmt.Errorf("tag image %s as %s: %w", ref, name, err)
	}
	return nil
}

// RemoveImage takes a name, or the image behind its last name, away. An image
// that does not exist is no error; one in use is.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	if _, err := e.cli.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true}); err != nil && !IsNotFound(err) {
		return fmt.Errorf("remove image %s: %w", ref, err)
	}
	return nil
}

// Import makes an image of one layer from a root file system given as tar.
// changes are Dockerfile instructions such as `ENTRYPOINT ["/app"]`. The name is
// given only when the whole stream has been read.
func (e *Engine) Import(ctx context.Context, tar io.Reader, ref string, changes []string) error {
	r, err := e.cli.ImageImport(ctx, image.ImportSource{Source: tar, SourceName: "-"}, ref, image.ImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("import image %s: %w", ref, err)
	}
	defer r.Close()
	if err := drain(r, nil); err != nil {
		return fmt.Errorf("import image %s: %w", ref, err)
	}
	return nil
}

// Build makes an image from a build context given as tar with a Dockerfile in
// it. Each line of the build's output goes to line, if given. Intermediate
// containers are always removed.
func (e *Engine) Build(ctx context.Context, tar io.Reader, ref string, labels map[string]string, line func(string)) error {
	r, err := e.cli.ImageBuild(ctx, tar, build.ImageBuildOptions{
		Tags: []string{ref}, Labels: labels, Remove: true, ForceRemove: true, Version: build.BuilderV1,
	})
	if err != nil {
		return fmt.Errorf("build image %s: %w", ref, err)
	}
	defer r.Body.Close()
	if err := drain(r.Body, line); err != nil {
		return fmt.Errorf("build image %s: %w", ref, err)
	}
	return nil
}

// Load takes images from an archive as `docker save` writes it.
func (e *Engine) Load(ctx context.Context, tar io.Reader) error {
	r, err := e.cli.ImageLoad(ctx, tar)
	if err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	defer r.Body.Close()
	if err := drain(r.Body, nil); err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	return nil
}

// Layers gives an image's architecture and the digests of its unpacked layers,
// lowest first.
func (e *Engine) Layers(ctx context.Context, ref string) (arch string, digests []string, err error) {
	i, err := e.cli.ImageInspect(ctx, ref)
	if err != nil {
		return "", nil, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	return i.Architecture, i.RootFS.Layers, nil
}

// Pull fetches an image from its registry.
func (e *Engine) Pull(ctx context.Context, ref string, line func(string)) error {
	r, err := e.cli.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return fmt.Errorf("pull image %s: %w", ref, err)
	}
	defer r.Close()
	if err := drain(r, line); err != nil {
		return fmt.Errorf("pull image %s: %w", ref, err)
	}
	return nil
}

// drain reads the engine's stream of progress messages to its end and gives the
// error it may carry.
func drain(r io.Reader, line func(string)) error {
	dec := json.NewDecoder(r)
	for {
		var m struct {
			Stream string `json:"stream"`
			Status string `json:"status"`
			Error  string `json:"error"`
		}
		err := dec.Decode(&m)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if m.Error != "" {
			return errors.New(strings.TrimSpace(m.Error))
		}
		if text := strings.TrimSpace(m.Stream + m.Status); text != "" && line != nil {
			line(text)
		}
	}
}
