package labs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"faultlab/faults/engine"
	"faultlab/labs/endpoint"
)

// notToldByTheEngine fails if what the engine tells of a running lab's containers,
// their images, its networks and volumes holds one of the secrets: who works on the
// engine's own machine may inspect all of it.
func notToldByTheEngine(t *testing.T, e *engine.Engine, id string, secrets ...string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.SocketPath())
	}}}
	ask := func(path string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://engine"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s %s, %v", path, resp.Status, b, err)
		}
		for _, s := range secrets {
			if i := strings.Index(string(b), s); i >= 0 {
				t.Errorf("GET %s tells %q: ...%s...", path, s, b[max(0, i-80):min(len(b), i+80)])
			}
		}
		return string(b)
	}
	of := "filters=" + url.QueryEscape(fmt.Sprintf(`{"label":[%q]}`, endpoint.LabelLab+"="+id))
	type object struct{ ID, Name, ImageID string }
	list := func(text string, into any) {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	var containers, networks []object
	var volumes struct{ Volumes []object }
	list(ask("/containers/json?all=1&"+of), &containers)
	list(ask("/networks?"+of), &networks)
	list(ask("/volumes?"+of), &volumes)
	if len(containers) < 10 || len(networks) == 0 || len(volumes.Volumes) == 0 {
		t.Fatalf("%d containers, %d networks, %d volumes; want those of a whole lab", len(containers), len(networks), len(volumes.Volumes))
	}
	for _, c := range containers {
		ask("/containers/" + c.ID + "/json")
		ask("/images/" + c.ImageID + "/json")
		ask("/images/" + c.ImageID + "/history")
	}
	for _, n := range networks {
		ask("/networks/" + n.ID)
	}
	for _, v := range volumes.Volumes {
		ask("/volumes/" + v.Name)
	}
}
