package process

import (
	"strconv"
	"strings"
)

// openFiles reads the soft limit of open files from what /proc/PID/limits says.
func openFiles(text string) int {
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.Atoi(f[0])
				return n
			}
		}
	}
	return 0
}
