package traces

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"faultlab/targets/collector"
)

// Export says where a user's own tracing backend is. It goes to control with the call
// that starts the lab, and is in no container's settings: headers hold keys.
type Export struct {
	URL     string            `json:"url,omitempty"` // to which OTLP requests are posted; "": there is none
	Headers map[string]string `json:"headers,omitempty"`
}

// ExportError says which variable of OpenTelemetry's cannot be used, and what can.
type ExportError struct{ Variable, Problem, Remedy string }

func (e *ExportError) Error() string { return e.Variable + " " + e.Problem }

// Hint is the remedy.
func (e *ExportError) Hint() string { return e.Remedy }

// The variables of OpenTelemetry that are read, by their specification of OTLP exporters.
const (
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"        // /v1/traces is added
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" // is used as it is
	envHeaders        = "OTEL_EXPORTER_OTLP_HEADERS"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
)

// HostName is the name that control has for the engine's machine.
const HostName = "host.docker.internal"

// FromEnv reads where to export to. Addresses of this machine become those of the
// engine's machine, as control reaches it.
func FromEnv(getenv func(string) string) (Export, error) {
	name, text := envTracesEndpoint, getenv(envTracesEndpoint)
	if text == "" {
		name, text = envEndpoint, getenv(envEndpoint)
	}
	if text == "" {
		return Export{}, nil
	}
	if p := getenv(envProtocol); p != "" && p != "http/protobuf" {
		return Export{}, &ExportError{envProtocol, fmt.Sprintf("is %q", p), "traces are exported by http/protobuf, usually at port 4318; unset it, or set it to that"}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return Export{}, &ExportError{name, fmt.Sprintf("is %q", text), "want a URL such as http://localhost:4318; unset it to start without"}
	}
	if name == envEndpoint {
		u = u.JoinPath("v1", "traces")
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		port := u.Port()
		if u.Host = HostName; port != "" {
			u.Host += ":" + port
		}
	}
	e := Export{URL: u.String()}
	for pair := range strings.SplitSeq(getenv(envHeaders), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !ok || key == "" || err != nil || strings.ContainsAny(key+value, "\r\n") {
			return Export{}, &ExportError{envHeaders, "cannot be read", "want key=value,key=value; its content is shown nowhere"}
		}
		if e.Headers == nil {
			e.Headers = map[string]string{}
		}
		e.Headers[key] = value
	}
	return e, nil
}

// How the backend is spoken to.
const (
	postTime   = 5 * time.Second
	followTime = time.Second // until the collector is asked again
)

// Forward sends what a collector takes on to a user's backend until ctx ends. What the
// backend does not take in time is lost there; nothing waits for it.
func Forward(ctx context.Context, c *collector.Client, e Export, log *slog.Logger) {
	if e.URL == "" {
		return
	}
	client, failing := &http.Client{Timeout: postTime}, false
	if strings.HasPrefix(e.URL, "https:") {
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots()}, ForceAttemptHTTP2: true}
	}
	for ctx.Err() == nil {
		_ = c.Follow(ctx, func(body []byte) { // it ends when the collector does
			err := post(ctx, client, e, body)
			switch {
			case err != nil && !failing && ctx.Err() == nil:
				log.Warn("traces do not reach the user's backend", "err", err)
			case err == nil && failing:
				log.Info("traces reach the user's backend again")
			}
			failing = err != nil
		})
		select {
		case <-ctx.Done():
		case <-time.After(followTime):
		}
	}
}

// roots are the authorities that browsers trust. Control's image holds one file, and no
// certificates of a system's.
func roots() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		if cert, err := x509.ParseCertificate(root.Certificate); err == nil && root.Constraint == nil {
			pool.AddCert(cert)
		}
	}
	return pool
}

func post(ctx context.Context, client *http.Client, e Export, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range e.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return errors.Join(fmt.Errorf("it answered %s", resp.Status), err)
	}
	return err
}
