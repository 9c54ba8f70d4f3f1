package ledger

import (
	"strconv"
	"strings"
	"testing"
)

// Whatever a program has set, a soft limit is never put above the hard one, and what was
// not ours stays.
func FuzzWithout(f *testing.F) {
	f.Add(uint64(64), uint64(64), uint64(64), uint64(64), uint64(1024), uint64(4096))
	f.Add(uint64(50), uint64(64), uint64(64), uint64(64), uint64(1024), uint64(4096))
	f.Add(uint64(64), uint64(100), uint64(64), uint64(64), uint64(1024), uint64(4096))
	f.Fuzz(func(t *testing.T, soft, hard, ourSoft, ourHard, wasSoft, wasHard uint64) {
		pair := func(a, b uint64) string { return strconv.FormatUint(min(a, b), 10) + ":" + strconv.FormatUint(b, 10) }
		now, ours, was := pair(soft, hard), pair(ourSoft, ourHard), pair(wasSoft, wasHard)
		got := Slot{PID: 1}.without(now, []string{ours}, was)
		a, b, ok := strings.Cut(got, ":")
		if !ok || Strictness(a) > Strictness(b) {
			t.Fatalf("%s without %s, before %s: %s", now, ours, was, got)
		}
		if now == ours && got != was {
			t.Fatalf("%s is ours, and %s was there; put back is %s", now, was, got)
		}
		if min(soft, hard) != min(ourSoft, ourHard) && hard != ourHard && got != now {
			t.Fatalf("nothing of %s is ours (%s), and it becomes %s", now, ours, got)
		}
	})
}

func FuzzStrictness(f *testing.F) {
	for _, s := range []string{"max", "-1", "20000 100000", "64:128", "FROZEN", "max 100000", "0 0", "nan", "inf inf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if n := Strictness(value); n != n {
			t.Fatalf("%q has no order", value)
		}
	})
}

// What is read of a control group's file is a word of it or no limit; what is written for
// a device is read back, whatever lines are about it.
func FuzzDeviceValue(f *testing.F) {
	f.Add("8:0 1048576\n254:0 65536\n", "8:16", "rbps", "2097152")
	f.Add("8:16 rbps=2097152 wbps=max riops=max wiops=120\n", "254:0", "", "65536")
	f.Add("8:16 rbps=\n8:16", "8:16", "wiops", "max")
	f.Fuzz(func(t *testing.T, text, device, limit, value string) {
		if got := deviceValue(text, device, limit); got != unlimited && (!strings.Contains(text, got) || len(strings.Fields(got)) > 1) {
			t.Fatalf("%s %s of %q: %q", device, limit, text, got)
		}
		for _, s := range []string{device, value} {
			if words := strings.Fields(s); len(words) != 1 || words[0] != s {
				return
			}
		}
		if words := strings.Fields(limit); len(words) > 1 || strings.Contains(limit, "=") || limit != strings.Join(words, "") || limit == "" && value == unlimited {
			return
		}
		written := deviceLine(device, limit, value)
		if got := deviceValue("4095:1 x=1\n"+written+"\n"+text, device, limit); device != "4095:1" && got != value {
			t.Fatalf("%q is read as %q", written, got)
		}
	})
}
