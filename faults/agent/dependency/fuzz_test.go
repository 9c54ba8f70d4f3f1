package dependency

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

// What is read of a head is what came, byte for byte, and what is understood of it has a
// length that can be passed on.
func FuzzHead(f *testing.F) {
	f.Add([]byte("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\nrest"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		looksHTTP(b)
		head, err := readHead(bufio.NewReaderSize(bytes.NewReader(b), 16))
		if !bytes.HasPrefix(b, head) {
			t.Fatalf("%q is read as %q", b, head)
		}
		if err != nil {
			return
		}
		req, err := parseRequest(head)
		if err == nil && lengthOf(req.ContentLength, req.TransferEncoding) < untilEnd {
			t.Fatalf("%q has the length %d", head, req.ContentLength)
		}
		if err != nil {
			req = &http.Request{Method: http.MethodGet}
		}
		if resp, err := parseAnswer(head, req); err == nil && lengthOf(resp.ContentLength, resp.TransferEncoding) < untilEnd {
			t.Fatalf("%q has the length %d", head, resp.ContentLength)
		}
	})
}

// Chunks are passed on as they came, and no more than they are.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\nnext"))
	f.Add([]byte("0;x=y\r\nTrailer: 1\r\n\r\n"))
	f.Add([]byte("7fffffffffffffff\r\nabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		r := bufio.NewReaderSize(bytes.NewReader(b), 16)
		err := copyChunked(&out, r)
		if !bytes.HasPrefix(b, out.Bytes()) {
			t.Fatalf("%q is passed on as %q", b, out.Bytes())
		}
		if err == nil && !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
			t.Fatalf("%q of %q is no whole body", out.Bytes(), b)
		}
		if size, rest, ok := bytes.Cut(b, []byte("\r\n")); ok && string(size) == "7fffffffffffffff" && err == nil {
			t.Fatalf("a chunk of 2^63-1 bytes ends after %d", len(rest))
		}
	})
}
