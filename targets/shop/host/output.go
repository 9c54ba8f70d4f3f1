package host

import (
	"bufio"
	"errors"
	"io"
	"sync"
)

// longestLine is how much of a line is written in one piece.
const longestLine = 64 << 10

// Output is where the host and its programs write, each a whole line at a time.
type Output struct {
	mu sync.Mutex
	to io.Writer
}

// NewOutput gives an output that writes to to.
func NewOutput(to io.Writer) *Output { return &Output{to: to} }

// Write writes whole lines.
func (o *Output) Write(lines []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(lines)
}

// copyLines writes what a program says, its name before each line, until it says no
// more. A line that is too long becomes several.
func (o *Output) copyLines(name string, from io.Reader) {
	r := bufio.NewReaderSize(from, longestLine)
	prefix := name + " | "
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if len(piece) > 0 {
			line = append(append(line[:0], prefix...), piece...)
			if line[len(line)-1] != '\n' {
				line = append(line, '\n')
			}
			_, _ = o.Write(line) // nobody is left to be told that the log is gone
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
