package collector

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"faultlab/targets/socket"
)

// What the receiver bears, whoever sends. A body of the largest size that holds nothing
// but empty spans takes 42 MiB when it is decoded, and one is decoded at a time.
const (
	maxBody        = 256 << 10 // of a request; the shop's batches have less than half of it
	maxConnections = 64
	maxFollowed    = 16 // bodies that wait for who follows
)

// Config says where a collector listens and how much it keeps.
type Config struct {
	Listen string // host:port for OTLP/HTTP, such as ":4318"
	Socket string // path of the unix socket for questions
	Bytes  int    // of traces kept; at least 1 MiB
}

// Server is one collector.
type Server struct {
	ring *Ring

	decoding sync.Mutex // one body at a time
	texts    *texts

	mu       sync.Mutex
	follower chan []byte // nil: nobody follows
	missed   int         // bodies that came too quickly for the follower
}

// Serve takes spans and answers questions until ctx ends.
func Serve(ctx context.Context, c Config, log *slog.Logger) error {
	if c.Bytes < 1<<20 {
		return fmt.Errorf("%d bytes are kept; want at least %d", c.Bytes, 1<<20)
	}
	s := New(c.Bytes)
	return socket.Server{
		Listen: c.Listen, Sent: "spans", Socket: c.Socket, Connections: maxConnections, WriteTimeout: 15 * time.Second,
		Receiver: s.Receiver(), Answerer: s.Answerer(),
	}.Serve(ctx, log)
}

// New gives a collector that keeps a number of bytes of traces.
func New(bytes int) *Server { return &Server{ring: NewRing(bytes), texts: newTexts()} }

// Receiver is what the shop's network reaches: POST /v1/traces of OTLP/HTTP.
func (s *Server) Receiver() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", s.postTraces)
	return mux
}

func (s *Server) postTraces(w http.ResponseWriter, r *http.Request) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-protobuf" || r.Header.Get("Content-Encoding") != "" {
		http.Error(w, "want application/x-protobuf without an encoding", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, fmt.Sprintf("the body is longer than %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the body ends early", http.StatusBadRequest)
		return
	}
	if err := s.take(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty message: all were taken
}

func (s *Server) take(body []byte) error {
	s.decoding.Lock()
	spans, err := s.texts.decode(body)
	s.decoding.Unlock()
	if err != nil {
		return err
	}
	s.ring.Add(spans)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follower != nil {
		select {
		case s.follower <- body:
		default:
			s.missed++
		}
	}
	return nil
}

// Answerer is what the socket's owner may ask; see [Client].
func (s *Server) Answerer() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /traces", func(w http.ResponseWriter, r *http.Request) {
		var q Query
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w, s.ring.List(q))
	})
	mux.HandleFunc("GET /traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		t, ids := s.ring.Find(r.PathValue("id"))
		if len(ids) != 1 {
			w.WriteHeader(http.StatusNotFound)
			reply(w, map[string]int{"found": len(ids)})
			return
		}
		reply(w, t)
	})
	mux.HandleFunc("GET /follow", s.follow)
	return mux
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}

// follow streams the bodies that come in: four bytes of length, the highest first, and
// the body. Only the last one who asks gets them; those that come too quickly are left out.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	bodies := make(chan []byte, maxFollowed)
	s.mu.Lock()
	s.follower = bodies
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.follower == bodies {
			s.follower = nil
		}
	}()
	out := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	if out.Flush() != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case body := <-bodies:
			_, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
			if err == nil {
				_, err = w.Write(body)
			}
			if err != nil || out.Flush() != nil {
				return
			}
		}
	}
}
