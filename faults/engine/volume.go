package engine

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/volume"
)

// Volume is one of the engine's named volumes.
type Volume struct {
	Name       string
	Labels     map[string]string
	Mountpoint string // on the engine's machine
}

// CreateVolume makes a local volume, or finds the one of that name.
func (e *Engine) CreateVolume(ctx context.Context, name string, labels map[string]string) (Volume, error) {
	v, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: labels})
	if err != nil {
		return Volume{}, fmt.Errorf("create volume %s: %w", name, err)
	}
	return Volume{Name: v.Name, Labels: v.Labels, Mountpoint: v.Mountpoint}, nil
}

// Volume looks at one volume.
func (e *Engine) Volume(ctx context.Context, name string) (Volume, error) {
	v, err := e.cli.VolumeInspect(ctx, name)
	if err != nil {
		return Volume{}, fmt.Errorf("inspect volume %s: %w", name, err)
	}
	return Volume{Name: v.Name, Labels: v.Labels, Mountpoint: v.Mountpoint}, nil
}

// Volumes lists the volumes that carry all the labels.
func (e *Engine) Volumes(ctx context.Context, labels ...string) ([]Volume, error) {
	r, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: labelFilter(labels)})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var out []Volume
	for _, v := range r.Volumes {
		out = append(out, Volume{Name: v.Name, Labels: v.Labels, Mountpoint: v.Mountpoint})
	}
	return out, nil
}

// RemoveVolume takes a volume and its contents away; one that does not exist is
// no error.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	if err := e.cli.VolumeRemove(ctx, name, true); err != nil && !IsNotFound(err) {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	return nil
}
