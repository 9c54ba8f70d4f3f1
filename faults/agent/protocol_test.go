package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/faults/agent/carrier"
)

func TestParseProbe(t *testing.T) {
	for s, ok := range map[string]bool{"10.0.0.1": true, "10.0.0.1:80": true, "fd00::1": true, "[fd00::1]:80": true,
		"": false, "db": false, "10.0.0.1:": false, "127.0.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "fe80::1%eth0": false} {
		if _, err := parseProbe(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// noKernel lets the protocol run without a kernel.
type noKernel struct{}

func (noKernel) capabilities() Capabilities                            { return Capabilities{} }
func (noKernel) open(int) (space, error)                               { return nil, errorf(NotSupported, "none") }
func (noKernel) carrier(space, carrier.Order) (carrier.Carrier, error) { return nil, nil }
func (noKernel) sweep([]int) ([]string, error)                         { return nil, nil }
func (noKernel) close() error                                          { return nil }

// Whatever comes in, every answer is JSON and the server ends with its input.
func FuzzServe(f *testing.F) {
	f.Add([]byte(`{"id":1,"op":"hello"}` + "\n" + `{"id":2,"op":"inject","inject":{"id":"a","kind":"loss","params":{"percent":1},"pid":1}}` + "\n{"))
	f.Add([]byte("\n\n\x00{}\n[]\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := serve(context.Background(), noKernel{}, bytes.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(&out)
		for {
			var r response
			if err := dec.Decode(&r); err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}

type duplex struct {
	io.Reader
	io.Writer
	close func() error
}

func (d duplex) Close() error { return d.close() }

// A client of nonsense says that the agent is dead and does not hang.
func FuzzClient(f *testing.F) {
	f.Add([]byte(`{"id":1}` + "\n"))
	f.Add([]byte(`{"id":1,"hello":{"protocol":2}}` + "\n{"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := NewClient(duplex{bytes.NewReader(in), io.Discard, func() error { return nil }})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := c.Hello(ctx); errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("it hangs")
		}
		<-c.Done()
	})
}

func TestClientManyAtOnce(t *testing.T) {
	ar, cw := io.Pipe()
	cr, aw := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- serve(context.Background(), noKernel{}, ar, aw) }()
	c := NewClient(duplex{cr, cw, cw.Close})
	errs := make(chan error, 50)
	for range 50 {
		go func() { errs <- c.Ping(context.Background()) }()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	_, err := c.Inject(t.Context(), InjectRequest{ID: "a", Kind: "loss", Params: []byte(`{"percent":5}`), PID: 1})
	if !errors.Is(err, &Error{Code: NotSupported}) {
		t.Errorf("inject: %v", err)
	}
	c.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := c.Ping(t.Context()); !errors.Is(err, &Error{Code: Dead}) {
		t.Errorf("ping after close: %v", err)
	}
}

func TestErrors(t *testing.T) {
	e := asError(errors.Join(errorf(Refused, "no"), errors.New("and more")))
	if e.Code != Refused || !strings.Contains(e.Message, "and more") {
		t.Errorf("%+v", e)
	}
	if e := asError(errors.New("x")); e.Code != Failed {
		t.Errorf("%+v", e)
	}
	if asError(nil) != nil {
		t.Error("nil")
	}
	b, _ := json.Marshal(Entry{})
	var back Entry
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, Entry{Set: json.RawMessage("null")}) {
		t.Errorf("%s: %+v %v", b, back, err)
	}
}
