package service

import (
	"context"
	"io"
	"os"
)

// Run is the life of a process: its configuration over the defaults in c, its log on
// out, and build, which adds the routes and gives what is to be closed at the end
// (nil: nothing). It serves until ctx ends.
func Run[C Config](ctx context.Context, name, path string, c C, out io.Writer, build func(context.Context, *Service, C) (closing func(), err error)) error {
	if err := Load(path, c); err != nil {
		return err
	}
	s := New(IdentityFromEnv(name, os.Getenv), c.LogSection(), out)
	if err := PinCode(); err != nil {
		s.Log.Info("code is not pinned", "err", err)
	}
	closing, err := build(ctx, s, c)
	if err != nil {
		return err
	}
	if closing != nil {
		defer closing()
	}
	return s.Serve(ctx, c.Address())
}

// Config is a service's configuration file.
type Config interface {
	Validate() error
	LogSection() LogConfig
	Address() string
}

// Base is what every service's configuration has. It goes inline into it.
type Base struct {
	Listen string    `yaml:"listen"` // default ":8080"
	Log    LogConfig `yaml:"log"`
}

// DefaultBase is what a configuration without those keys means.
func DefaultBase() Base { return Base{Listen: ":8080", Log: DefaultLog()} }

// LogSection is the section log.
func (b Base) LogSection() LogConfig { return b.Log }

// Address is where the service listens.
func (b Base) Address() string { return b.Listen }
