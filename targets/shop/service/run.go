package service

import (
	"context"
	"errors"
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
	endTraces, err := s.Traced(c.TracesSection())
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendLastCall)
		defer cancel()
		endTraces(ending)
	}()
	go func() {
		if err := PinCode(ctx); err != nil {
			s.Log.Info("code is not pinned", "err", err.Error())
		}
	}()
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
	TracesSection() TracesConfig
	Address() string
}

// Base is what every service's configuration has. It goes inline into it.
type Base struct {
	Listen string       `yaml:"listen"` // default ":8080"
	Log    LogConfig    `yaml:"log"`
	Traces TracesConfig `yaml:"traces"`
}

// DefaultBase is what a configuration without those keys means.
func DefaultBase() Base { return Base{Listen: ":8080", Log: DefaultLog(), Traces: DefaultTraces()} }

// Validate checks every value against its range.
func (b Base) Validate() error { return errors.Join(b.Log.Validate(), b.Traces.Validate()) }

// LogSection is the section log.
func (b Base) LogSection() LogConfig { return b.Log }

// TracesSection is the section traces.
func (b Base) TracesSection() TracesConfig { return b.Traces }

// Address is where the service listens.
func (b Base) Address() string { return b.Listen }
