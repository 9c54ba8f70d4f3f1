package agent

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
)

// The image is built once, runs as an agent, and is not built again for an unchanged tree.
func TestBuildImage(t *testing.T) {
	if guest() {
		t.Skip("there is no engine in the guest")
	}
	e, err := engine.Open(t.Context())
	if err != nil {
		skip(t, "no engine: "+err.Error())
	}
	defer e.Close()
	before, err := e.Images(t.Context(), "faultlab.image=control")
	must(t, err)
	ref, err := BuildImage(t.Context(), e)
	must(t, err)
	if !slices.ContainsFunc(before, func(i engine.Image) bool { return slices.Contains(i.Tags, ref) }) {
		defer func() { must(t, e.RemoveImage(context.WithoutCancel(t.Context()), ref)) }()
	}
	if !strings.HasPrefix(ref, ImageName+":") || len(ref) != len(ImageName)+13 {
		t.Errorf("the image is called %q", ref)
	}
	start := time.Now()
	again, err := BuildImage(t.Context(), e)
	if err != nil || again != ref {
		t.Errorf("the second time it is %q, %v", again, err)
	}
	t.Logf("%s, the second time in %v", ref, time.Since(start).Round(time.Millisecond))
	a, err := Start(t.Context(), Options{Engine: e, Image: ref})
	must(t, err)
	if c, err := a.Capabilities(t.Context()); err != nil || c.Backend() == "" {
		t.Errorf("capabilities %+v, %v", c, err)
	}
	must(t, a.Close(t.Context()))
	if _, err := e.Inspect(t.Context(), a.ContainerID()); !engine.IsNotFound(err) {
		t.Errorf("the agent's container is left: %v", err)
	}
}

func TestFits(t *testing.T) {
	if err := fits("/no/such/file", "amd64"); err == nil {
		t.Error("a file that is not there fits")
	}
	self, err := os.Executable()
	must(t, err)
	if err := fits(self, "amd64"); err == nil {
		t.Error("a test binary passes for the faultlab command")
	}
	if _, err := BuildBinary(t.Context(), "cmd/none", "amd64"); err == nil || errors.Is(err, &Error{Code: NotSupported}) {
		t.Errorf("a command that is not there: %v", err)
	}
}
