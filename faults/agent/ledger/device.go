package ledger

import "strings"

// unlimited is what a device without a line has.
const unlimited = "max"

// deviceValue reads a limit of a device from a file of lines such as "254:0 1048576", or
// with the limit's name "254:0 rbps=1048576 wbps=max riops=max wiops=max".
func deviceValue(text, device, limit string) string {
	for l := range strings.Lines(text) {
		f := strings.Fields(l)
		if len(f) < 2 || f[0] != device {
			continue
		}
		if limit == "" {
			return f[1]
		}
		for _, v := range f[1:] {
			if name, value, _ := strings.Cut(v, "="); name == limit {
				return value
			}
		}
	}
	return unlimited
}

// deviceLine is what to write for such a limit; 0 takes one without a name away.
func deviceLine(device, limit, value string) string {
	if limit != "" {
		return device + " " + limit + "=" + value
	}
	if value == unlimited {
		value = "0"
	}
	return device + " " + value
}
