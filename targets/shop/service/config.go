package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// LogConfig says what a service logs besides failures.
type LogConfig struct {
	Level       string        `yaml:"level"`        // debug, info, warn or error; default info
	Slow        time.Duration `yaml:"slow"`         // requests from this duration on are logged; default 500ms
	SampleEvery int           `yaml:"sample_every"` // one of this many requests is logged; 0 = none; default 200
}

// DefaultLog is what a configuration without a log section means.
func DefaultLog() LogConfig {
	return LogConfig{Level: "info", Slow: 500 * time.Millisecond, SampleEvery: 200}
}

// Validate checks every value against its range.
func (c LogConfig) Validate() error {
	if _, err := c.level(); err != nil {
		return err
	}
	return errors.Join(
		Between("log.slow", c.Slow, 0, time.Hour),
		Between("log.sample_every", c.SampleEvery, 0, 1_000_000_000),
	)
}

// BoundConfig bounds something kept in memory.
type BoundConfig struct {
	MaxEntries int `yaml:"max_entries"` // 0 = no limit; default 0
}

// Validate checks the bound; key is its section.
func (c BoundConfig) Validate(key string) error {
	return Between(key+".max_entries", c.MaxEntries, 0, 10_000_000)
}

// Load reads a configuration file over the defaults in into and validates it. Unknown
// keys are errors.
func Load(path string, into interface{ Validate() error }) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err = d.Decode(into); err == nil || errors.Is(err, io.EOF) {
		err = into.Validate()
	}
	if err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	return nil
}

// Between says that a value is out of its range.
func Between[T int | time.Duration](key string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s is %v; want %v to %v", key, value, low, high)
	}
	return nil
}

// HTTPURL says that a value is not the address of an HTTP service.
func HTTPURL(key, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("%s is %q; want http://host:port", key, value)
	}
	return nil
}
