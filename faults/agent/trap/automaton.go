package trap

import (
	"fmt"
	"slices"
	"strings"
)

// The states of an automaton: it begins in the first one, and the last one accepts.
const (
	states = 256
	accept = states - 1
)

// automaton finds a pattern in a text, byte by byte: row by row the state that follows
// each state with each byte.
type automaton struct {
	table [states * 256]byte
	start byte
}

func (a *automaton) next(state, c byte) byte { return a.table[int(state)<<8|int(c)] }

func (a *automaton) match(text string) bool {
	state := a.start
	for i := range min(len(text), longest) {
		state = a.next(state, text[i])
	}
	return state == accept
}

// Match tells whether a text has the pattern anywhere in it, as the kernel will.
func Match(pattern, text string) (bool, error) {
	a, err := compile(pattern)
	return err == nil && a.match(text), err
}

func white(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// compile makes the automaton of a pattern: * is any text, white space stands for
// white space of any length, small letters for capitals as well.
func compile(pattern string) (*automaton, error) {
	// What is left to find, and before which of it any text may come.
	var want []byte
	free := [states]bool{0: true}
	tooLong := fmt.Errorf("pattern %.40q is too long", pattern)
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case len(want) == accept:
			return nil, tooLong
		case c == '*':
			free[len(want)] = true
		case !white(c):
			want = append(want, fold(c))
		case len(want) == 0 || want[len(want)-1] != ' ' || free[len(want)]:
			want = append(want, ' ')
		}
	}
	a := &automaton{}
	for c := range 256 {
		a.table[accept<<8|c] = accept
	}
	// A state is all the places in the pattern where the text so far may have come to.
	first := []byte{0}
	if len(want) == 0 {
		a.start = accept
		return a, nil
	}
	numbers := map[string]byte{string(first): 0}
	for todo := [][]byte{first}; len(todo) > 0; todo = todo[1:] {
		from := numbers[string(todo[0])]
		for c := range 256 {
			places := follow(todo[0], want, free, byte(c))
			if int(places[len(places)-1]) == len(want) {
				a.table[int(from)<<8|c] = accept
				continue
			}
			n, known := numbers[string(places)]
			if !known {
				if len(numbers) == accept {
					return nil, tooLong
				}
				n = byte(len(numbers))
				numbers[string(places)] = n
				todo = append(todo, places)
			}
			a.table[int(from)<<8|c] = n
		}
	}
	return a, nil
}

// follow gives the places after one more byte, in order. What comes before the last
// place that any text may precede can only lead there again.
func follow(places, want []byte, free [states]bool, c byte) []byte {
	out := make([]byte, 0, len(places)+2)
	for _, p := range places {
		if free[p] || white(c) && p > 0 && want[p-1] == ' ' {
			out = append(out, p)
		}
		if fold(c) == want[p] || white(c) && want[p] == ' ' {
			out = append(out, p+1)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	for i, p := range slices.Backward(out) {
		if free[p] {
			return out[i:]
		}
	}
	return out
}

// Text is one that has the pattern, whatever surrounds it.
func Text(pattern string) string { return strings.Join(strings.Split(pattern, "*"), " ") }
