package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Fault is one thing that can be broken, with its parameters.
type Fault interface {
	// Kind is the fault's name in the table of [Kinds], such as "latency".
	Kind() string
	// Validate reports the first parameter that is out of its range.
	Validate() error
}

// Direction says which way packets go, seen from the container the fault sits on.
type Direction string

// The directions. The empty direction means Out.
const (
	Out  Direction = "out"  // what the target sends
	In   Direction = "in"   // what the target receives
	Both Direction = "both" // each way on its own
)

// Sends reports whether packets leaving the target are concerned.
func (d Direction) Sends() bool { return d == Out || d == Both || d == "" }

// Receives reports whether packets arriving at the target are concerned.
func (d Direction) Receives() bool { return d == In || d == Both }

func (d Direction) validate() error {
	switch d {
	case "", Out, In, Both:
		return nil
	}
	return fmt.Errorf("direction is %q; want out, in or both", string(d))
}

// ErrUnknownKind is wrapped by Decode's error for a kind that is not in the table.
var ErrUnknownKind = errors.New("unknown kind of fault")

// duration reads and writes a time.Duration as a string such as "50ms".
type duration time.Duration

func (d duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

func (d *duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is not a duration; want a string such as \"50ms\"", b)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration; want a number with a unit, such as \"50ms\" or \"1.5s\"", s)
	}
	*d = duration(v)
	return nil
}

// strict decodes exactly one JSON value into v and refuses unknown keys.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}
