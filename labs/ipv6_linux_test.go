package labs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/endpoint"
)

// TestIPv6 has users of both versions of IP in a healthy lab: they are told apart, are as far
// away as each other, are in the edge's log, and meet the faults of the edge's place. Nothing
// of the shop's reaches beyond its networks by IPv6.
func TestIPv6(t *testing.T) {
	e, id, lab := healthyLab(t)
	bothWell(t, lab)
	run := func(script string) string {
		t.Helper()
		r, err := lab.Exec(t.Context(), engine.Command{Args: []string{"bash", "-c", script}})
		if err != nil || r.Code != 0 {
			t.Fatalf("%s: %v, exit code %d\n%s%s", script, err, r.Code, r.Stdout, r.Stderr)
		}
		return r.Stdout
	}
	// took asks as a user does, over a version of IP, and gives the time.
	took := func(region, flag string) time.Duration {
		t.Helper()
		var code int
		var seconds float64
		var from, to string
		out := run("as-user " + region + " " + flag + " -s -o /dev/null -w '%{http_code} %{time_total} %{local_ip} %{remote_ip}' /product/7")
		if _, err := fmt.Sscan(out, &code, &seconds, &from, &to); err != nil || code != 200 || strings.Contains(to, ":") != (flag == "-6") {
			t.Errorf("%s %s: %q, %v", region, flag, out, err)
		}
		if log := run("docker compose logs --no-log-prefix --since 1m edge"); !strings.Contains(log, " "+from+" users ") {
			t.Errorf("%s of the bastion is not in the edge's log", from)
		}
		return time.Duration(seconds * float64(time.Second))
	}
	for region, away := range map[string]time.Duration{"us": 0, "eu": 80 * time.Millisecond, "ap": 150 * time.Millisecond} {
		for _, flag := range []string{"-4", "-6"} {
			if got := took(region, flag); got < away || got > away+300*time.Millisecond {
				t.Errorf("a page takes %v for a user in %s with %s; want a little more than %v", got, region, flag, away)
			}
		}
	}
	closed(t, e, id)

	a, err := agent.Start(t.Context(), agent.Options{Engine: e, Labels: control.Labels(id, control.RoleAgent, false), TargetLabel: endpoint.LabelLab + "=" + id})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	bastion, err := e.Inspect(t.Context(), control.Name(id, control.RoleBastion))
	if err != nil {
		t.Fatal(err)
	}
	const delay = 100 * time.Millisecond
	in, err := a.Inject(t.Context(), "shop-"+id+"-edge-1", faults.Latency{Delay: delay}, agent.InjectOptions{Probes: []string{bastion.Networks[control.Name(id, "shop")]}})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-4", "-6"} {
		if got := took("us", flag); got < 3*delay { // to connect, to ask, to answer
			t.Errorf("behind a delay of %v a page takes %v with %s", delay, got, flag)
		}
	}
	if err := in.Revert(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNoIPv6 starts a lab at an engine that refuses networks with IPv6, as one does whose
// kernel has none: it is the same lab with users of IPv4, and says so.
func TestNoIPv6(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a lab")
	}
	const why = "this kernel has no IPv6"
	t.Setenv("DOCKER_HOST", "unix://"+refusing(t, enginetest.Open(t).SocketPath(), why))
	_, id, lab := healthyLab(t)
	s, err := lab.Status(t.Context(), control.StatusWindow)
	if err != nil || !strings.Contains(s.IPv4Alone, why) {
		t.Errorf("status: %+v, %v", s, err)
	}
	for _, g := range s.Segments {
		if g.Name == "ip 6" {
			t.Errorf("%+v", g)
		}
	}
	for flag, want := range map[string]int{"-s": 0, "-4": 0, "-6": 6} { // curl's own: it could not resolve the host
		r, err := lab.Exec(t.Context(), engine.Command{Args: []string{"as-user", "eu", flag, "-f", "/product/7"}})
		if err != nil || r.Code != want {
			t.Errorf("as-user eu %s in %s: exit code %d, %v; want %d", flag, id, r.Code, err, want)
		}
	}
}

// refusing serves an engine but for networks with IPv6, at a socket of its own.
func refusing(t *testing.T, socket, why string) string {
	t.Helper()
	to, _ := url.Parse("http://docker")
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/networks/create") {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), `"EnableIPv6":true`) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusInternalServerError)
				fmt.Fprintf(w, `{"message":%q}`, why)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return path
}

// bothWell waits until users of both versions of IP are there and well.
func bothWell(t *testing.T, lab *labs.Lab) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		s, err := lab.Status(t.Context(), control.StatusWindow)
		if err != nil {
			t.Fatal(err)
		}
		if s.IPv4Alone != "" {
			if os.Getenv("FAULTLAB_REQUIRE") == "1" {
				t.Fatalf("required here: %s", s.IPv4Alone)
			}
			t.Skip(s.IPv4Alone)
		}
		well := 0
		for _, g := range s.Segments {
			if strings.HasPrefix(g.Name, "ip ") && g.Requests >= 60 && g.Well {
				well++
			}
		}
		if well == 2 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v; want ip 4 and ip 6, well", s.Segments)
		}
	}
}

// closed has every kind of container on the users' network look for what is beyond it by
// IPv6: the other addresses of the machine, which forwards.
func closed(t *testing.T, e *engine.Engine, id string) {
	t.Helper()
	l, err := net.Listen("tcp6", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	machine := &http.Server{Handler: http.NotFoundHandler()}
	go machine.Serve(l)
	defer machine.Close()
	nets, err := e.Networks(t.Context(), endpoint.LabelLab+"="+id)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		inside := func(n engine.Network) bool {
			return slices.ContainsFunc(n.Subnets, func(s netip.Prefix) bool { return s.Contains(p.Addr()) })
		}
		if err != nil || !p.Addr().Is6() || !p.Addr().IsGlobalUnicast() || slices.ContainsFunc(nets, inside) {
			continue
		}
		to := "http://" + netip.AddrPortFrom(p.Addr(), uint16(l.Addr().(*net.TCPAddr).Port)).String() + "/"
		r, err := http.Get(to)
		if err != nil {
			t.Fatalf("the machine does not reach itself: %v", err)
		}
		r.Body.Close()
		for _, who := range []string{control.Name(id, control.RoleBastion), control.Name(id, control.RoleTraffic), "shop-" + id + "-edge-1"} {
			r, err := e.Exec(t.Context(), who, engine.Command{Args: []string{"curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", to}})
			if err != nil || r.Stdout != "000" {
				t.Errorf("%s asks %s: %q, %v; want no answer", who, to, r.Stdout, err)
			}
		}
	}
}
