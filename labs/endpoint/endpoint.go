// Package endpoint is the Docker API that the trainee's shell talks to.
//
// It stands between the bastion and the engine and shows one lab as if nothing
// else existed: lists are filtered by the lab's label, objects of others are
// "not found", what is created gets the label. Paths that are not on the list in
// routes.go are refused with a message that says so. Workspace paths in binds
// are translated to where the engine keeps the workspace's volume.
package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Labels that every object of a lab carries.
const (
	LabelLab     = "faultlab.lab"     // the lab's id
	LabelRole    = "faultlab.role"    // control, agent, traffic, bastion or shop
	LabelVisible = "faultlab.visible" // "yes" on what the trainee may see
)

// Action is something the trainee did through the endpoint.
type Action struct {
	At      time.Time
	Verb    string // e.g. "create container", "restart container"
	Object  string // name or id as it was given
	Status  int    // the engine's answer
	Changes bool   // false for looking
}

// Config says whose endpoint this is.
type Config struct {
	Lab       string                // id
	Socket    string                // the engine's unix socket
	Workspace string                // the workspace's path in the bastion, e.g. /workspace
	Volume    string                // its path on the engine's machine
	Resolve   func(string) error    // says whether a workspace path (relative) may be mounted
	Record    func(Action)          // nil: nothing is recorded
	Images    func(ref string) bool // which images may be seen and run
}

// New makes the handler; serve it on a socket of the bastion's.
func New(c Config) http.Handler {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	}
	s := &server{Config: c, engine: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 4}}}
	s.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "engine"})
			r.Out.Host = "engine"
		},
		Transport:      &http.Transport{DialContext: dial, DisableCompression: true},
		FlushInterval:  -1,
		ModifyResponse: s.trim,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			refuse(w, http.StatusBadGateway, "the engine does not answer: "+err.Error())
		},
	}
	return s
}

type server struct {
	Config
	engine *http.Client
	proxy  *httputil.ReverseProxy
	names  sync.Map // what a container was asked for by -> its name
}

var version = regexp.MustCompile(`^/v1\.(\d+)/`)

// oldest is the oldest minor version of the API that is spoken here. The engine
// itself goes further back, to where starting a container could change what it is.
const oldest = 41

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if v := version.FindStringSubmatch(path); v != nil {
		if n, err := strconv.Atoi(v[1]); err != nil || n < oldest {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("client version 1.%s is too old. Minimum supported API version is 1.%d", v[1], oldest))
			return
		}
		path = path[len(v[0])-1:]
	}
	// What goes on is what is looked at here: the decoded path, and the query. The
	// engine would let the fields of a form in the body overrule the query.
	r.URL.RawPath = ""
	if ct := r.Header.Values("Content-Type"); len(ct) > 1 || len(ct) == 1 && strings.Contains(strings.ToLower(ct[0]), "form") {
		refuse(w, http.StatusUnsupportedMediaType, "forms are not available here; send JSON")
		return
	}
	rt, args := match(r.Method, path)
	if rt == nil {
		refuse(w, http.StatusForbidden, fmt.Sprintf("%s %s is not available here", r.Method, path))
		return
	}
	if rt.refuse != "" {
		refuse(w, http.StatusForbidden, rt.refuse)
		return
	}
	for _, check := range rt.checks {
		if err := check(s, r, args); err != nil {
			e, ok := err.(*refusal)
			if !ok {
				e = &refusal{http.StatusInternalServerError, err.Error()}
			}
			refuse(w, e.status, e.message)
			return
		}
	}
	if rt.trim != nil {
		r = r.WithContext(context.WithValue(r.Context(), trimKey{}, rt.trim))
	}
	rec := &statusRecorder{ResponseWriter: w}
	s.proxy.ServeHTTP(rec, r)
	if s.Record != nil && rt.verb != "" {
		s.Record(Action{At: time.Now(), Verb: rt.verb, Object: s.object(r, args), Status: rec.status, Changes: rt.changes})
	}
}

// object is what a request is about, by the name people know it by.
func (s *server) object(r *http.Request, args []string) string {
	if len(args) == 0 {
		return r.URL.Query().Get("name")
	}
	if name, ok := s.names.Load(args[0]); ok {
		return name.(string)
	}
	return args[0]
}

type refusal struct {
	status  int
	message string
}

func (e *refusal) Error() string { return e.message }

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// statusRecorder remembers the status and keeps the connection's other abilities
// (flush, hijack) reachable through Unwrap.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(code int) {
	s.status = code
	s.ResponseWriter.WriteHeader(code)
}

func (s *statusRecorder) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// get asks the engine itself.
func (s *server) get(ctx context.Context, path string, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := s.engine.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

// own tells whether labels say that an object is this lab's and to be seen.
func (s *server) own(labels map[string]string) bool {
	return labels[LabelLab] == s.Lab && labels[LabelVisible] == "yes"
}

// stamp puts the lab's labels on what the trainee creates, whatever they say.
func (s *server) stamp(labels map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range labels {
		if !strings.HasPrefix(k, "faultlab.") {
			out[k] = v
		}
	}
	out[LabelLab], out[LabelRole], out[LabelVisible] = s.Lab, "shop", "yes"
	return out
}
