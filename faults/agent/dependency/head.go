package dependency

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// maxHead is the longest head of a request or an answer that is looked into.
const maxHead = 1 << 20

var errNotHTTP = errors.New("not HTTP/1")

// readHead reads up to and with the empty line that ends a head, byte for byte. What
// was read is given with an error as well.
func readHead(r *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := r.ReadSlice('\n')
		head = append(head, line...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return head, err
		}
		if len(head) > maxHead {
			return head, errNotHTTP
		}
		if err == nil && (len(line) == 1 || len(line) == 2 && line[0] == '\r') && len(head) > 2 {
			return head, nil
		}
	}
}

// looksHTTP tells whether the first bytes of a connection can be an HTTP/1 request.
func looksHTTP(b []byte) bool {
	word, rest, ok := bytes.Cut(b, []byte(" "))
	if len(word) == 0 || len(word) > 20 || bytes.ContainsFunc(word, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		return false
	}
	if !ok {
		return len(b) < 20
	}
	return string(word) != "PRI" && (len(rest) == 0 || rest[0] == '/' || rest[0] == '*' || rest[0] == 'h' || string(word) == http.MethodConnect)
}

func parseRequest(head []byte) (*http.Request, error) {
	req, err := http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(head), 512))
	if err != nil || req.ProtoMajor != 1 {
		return nil, errNotHTTP
	}
	return req, nil
}

func parseAnswer(head []byte, req *http.Request) (*http.Response, error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), 512), req)
	if err != nil || resp.ProtoMajor != 1 {
		return nil, errNotHTTP
	}
	return resp, nil
}

// The lengths of bodies that are no number.
const (
	chunked  = -1
	untilEnd = -2
)

// maxBuffered is the longest rest of a body that is not worth the kernel's splice.
const maxBuffered = 64 << 10

func lengthOf(n int64, encoding []string) int64 {
	if len(encoding) > 0 && encoding[0] == "chunked" {
		return chunked
	}
	if n < 0 {
		return untilEnd
	}
	return n
}

// copyBody passes a body on as it came. From the first byte that is not buffered the
// kernel does it where w is a connection itself.
func copyBody(w io.Writer, r *bufio.Reader, c *net.TCPConn, length int64) error {
	switch length {
	case 0:
		return nil
	case chunked:
		return copyChunked(w, r)
	}
	if n := int64(r.Buffered()); n > 0 {
		if length != untilEnd {
			n = min(n, length)
		}
		b, _ := r.Peek(int(n))
		if _, err := w.Write(b); err != nil {
			return err
		}
		_, _ = r.Discard(int(n))
		if length != untilEnd {
			length -= n
		}
	}
	if length == untilEnd {
		_, err := io.Copy(w, c)
		return err
	}
	for length > 0 && length <= maxBuffered {
		if _, err := r.Peek(1); err != nil {
			return short(err)
		}
		n := int(min(int64(r.Buffered()), length))
		b, _ := r.Peek(n)
		if _, err := w.Write(b); err != nil {
			return err
		}
		_, _ = r.Discard(n)
		length -= int64(n)
	}
	if length == 0 {
		return nil
	}
	n, err := io.Copy(w, &io.LimitedReader{R: c, N: length})
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// short is the end of a body before its length.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// copyChunked passes chunks and trailer on, their frames included.
func copyChunked(w io.Writer, r *bufio.Reader) error {
	line := func() (string, error) {
		b, err := r.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		_, err = w.Write(b)
		return string(b), err
	}
	for {
		s, err := line()
		if err != nil {
			return err
		}
		s, _, _ = strings.Cut(s, ";")
		n, err := strconv.ParseUint(strings.TrimSpace(s), 16, 62) // there is room for the line's end
		if err != nil {
			return errNotHTTP
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(w, r, int64(n)+2); err != nil {
			return err
		}
	}
	for {
		s, err := line()
		if err != nil || strings.TrimSpace(s) == "" {
			return err
		}
	}
}
