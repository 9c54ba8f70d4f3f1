package disk

import (
	"strconv"
	"strings"
)

// line is what mountinfo says of one mount.
type line struct {
	point  string // inside the container
	kind   string // of the file system
	source string
	upper  string // of overlay: the directory that is written to, where the engine mounted it
}

// lineOf finds a mount by its number.
func lineOf(mountinfo string, id uint64) (line, bool) {
	for l := range strings.Lines(mountinfo) {
		f := words(l)
		if len(f) < 5 || f[0] != strconv.FormatUint(id, 10) {
			continue
		}
		out := line{point: unescape(f[4])}
		// Optional fields end with a dash; kind, source and options follow.
		for i, word := range f {
			if word != "-" || i < 6 || i+3 >= len(f) {
				continue
			}
			out.kind, out.source = f[i+1], unescape(f[i+2])
			for o := range strings.SplitSeq(f[i+3], ",") {
				if name, value, _ := strings.Cut(o, "="); name == "upperdir" {
					out.upper = unescape(value)
				}
			}
			break
		}
		return out, true
	}
	return line{}, false
}

// words are those of a line. Only single blanks part them: other characters that Go takes
// for blanks, such as the no-break space, stand in paths as they are.
func words(l string) []string { return strings.Split(strings.TrimSuffix(l, "\n"), " ") }

// unescape reads a path of mountinfo, which writes blanks and the like as \040.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
