package labs

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs/control"
	"faultlab/labs/images"
)

// Of two starts with one id the one that comes too late leaves the other's lab alone,
// also when it is interrupted.
func TestStartTooLate(t *testing.T) {
	e := enginetest.Open(t)
	var nothing bytes.Buffer
	tar.NewWriter(&nothing).Close()
	id := fmt.Sprintf("late%d", os.Getpid()%100000)
	image := "faultlab/test:" + id
	if err := e.Import(t.Context(), &nothing, image, []string{`CMD ["x"]`}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.RemoveImage(context.Background(), image) })
	t.Cleanup(func() { Remove(context.Background(), e, id, nil) })
	for _, interrupted := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		other, theirs := control.Config{ID: id, Token: "the other's"}, ""
		var once sync.Once
		_, err := Start(ctx, e, StartOptions{Name: "2b/us-b", ID: id, Set: &images.Set{Control: image, Registry: "x"}}, func(p control.Progress) {
			once.Do(func() { // the id was free a moment ago
				env, err := other.Env()
				if err == nil {
					theirs, err = e.Create(t.Context(), engine.Spec{Name: control.Name(id, control.RoleControl), Image: image, Env: env,
						Labels: control.Labels(id, control.RoleControl, false)})
				}
				if err != nil {
					t.Error(err)
				}
				if interrupted {
					cancel()
				}
			})
		})
		if err == nil || !strings.Contains(err.Error(), "is taken") {
			t.Errorf("interrupted %v: %v; want that the id is taken", interrupted, err)
		}
		if _, err := e.Inspect(t.Context(), theirs); err != nil {
			t.Errorf("interrupted %v: the other's lab is gone: %v", interrupted, err)
		}
		if err := Remove(t.Context(), e, id, nil); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
}
