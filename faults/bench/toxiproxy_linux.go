package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"time"

	"faultlab/faults/agent/netspace"
)

// toxiproxy is one that runs in the target's network, in front of the peer's servers: as
// near as it can be to who uses it.
type toxiproxy struct {
	cmd        *exec.Cmd
	http       *http.Client
	echo, sink netip.AddrPort
}

const toxiproxyAPI = "http://127.0.0.1:8474"

// startToxiproxy gives nil where there is no binary of it.
func (w *world) startToxiproxy(ctx context.Context) (*toxiproxy, error) {
	if w.toxiproxy == "" {
		return nil, nil
	}
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	t := &toxiproxy{cmd: exec.CommandContext(ctx, w.toxiproxy), echo: netip.AddrPortFrom(local, 17001), sink: netip.AddrPortFrom(local, 17002)}
	t.cmd.Env = append(t.cmd.Environ(), "LOG_LEVEL=error")
	if err := netspace.Inside(w.pid, t.cmd.Start); err != nil {
		return nil, fmt.Errorf("start Toxiproxy: %w", err)
	}
	t.http = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, network, to string) (c net.Conn, err error) {
		err = netspace.Inside(w.pid, func() error {
			c, err = new(net.Dialer).DialContext(ctx, network, to)
			return err
		})
		return c, err
	}}}
	var err error
	for range 100 {
		if err = t.call(ctx, http.MethodGet, "/version", nil); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for name, at := range map[string][2]netip.AddrPort{
		"echo": {t.echo, netip.AddrPortFrom(w.peer, portEcho)}, "sink": {t.sink, netip.AddrPortFrom(w.peer, portSink)},
	} {
		if err == nil {
			err = t.call(ctx, http.MethodPost, "/proxies", map[string]any{"name": name, "listen": at[0], "upstream": at[1], "enabled": true})
		}
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("set up Toxiproxy: %w", err)
	}
	return t, nil
}

func (t *toxiproxy) close() {
	if t == nil {
		return
	}
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait()
	t.http.CloseIdleConnections()
}

func (t *toxiproxy) call(ctx context.Context, method, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, toxiproxyAPI+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	res, err := t.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.200s", method, path, res.Status, text)
	}
	return nil
}

// delayed has both proxies delay what is sent by d while do runs.
func (t *toxiproxy) delayed(ctx context.Context, d time.Duration, do func() error) error {
	toxic := latencyToxic(d)
	var errs []error
	for _, p := range []string{"echo", "sink"} {
		errs = append(errs, t.call(ctx, http.MethodPost, "/proxies/"+p+"/toxics", toxic))
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, do())
	}
	for _, p := range []string{"echo", "sink"} {
		errs = append(errs, t.call(ctx, http.MethodDelete, "/proxies/"+p+"/toxics/late", nil))
	}
	return errors.Join(errs...)
}

// latencyToxic delays what is sent.
func latencyToxic(d time.Duration) map[string]any {
	return map[string]any{"name": "late", "type": "latency", "stream": "upstream", "toxicity": 1,
		"attributes": map[string]any{"latency": d.Milliseconds(), "jitter": 0}}
}
