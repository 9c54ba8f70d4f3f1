package disk

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"faultlab/faults"
)

// limit is one of a disk: bytes or operations per second.
type limit struct {
	write bool
	bytes bool
	rate  int64 // per second
}

func limitsOf(f faults.DiskSlow) (out []limit) {
	for _, l := range []limit{{false, true, f.ReadBytesPerSecond}, {true, true, f.WriteBytesPerSecond}, {false, false, f.ReadsPerSecond}, {true, false, f.WritesPerSecond}} {
		if l.rate > 0 {
			out = append(out, l)
		}
	}
	return out
}

// file is where a control group has the limit, with its name in version 2.
func (l limit) file(v2 bool) (file, name string) {
	verb, unit := "read", "iops"
	if l.write {
		verb = "write"
	}
	if l.bytes {
		unit = "bps"
	}
	if v2 {
		return "io.max", verb[:1] + unit
	}
	return "blkio.throttle." + verb + "_" + unit + "_device", ""
}

func (l limit) value() string { return strconv.FormatInt(l.rate, 10) }

const (
	page  = 4096
	chunk = 1 << 20
	// window is what a probe takes with the limit, about; the kernel reckons in slices
	// of a tenth of a second, and lets the first one through at once.
	window = 400 * time.Millisecond
	slice  = 100 * time.Millisecond
)

// probe is what is read or written to see the limit: so many blocks of a size.
func (l limit) probe() (blocks, size int) {
	amount := float64(l.rate) * window.Seconds()
	if !l.bytes {
		return max(2, int(math.Ceil(amount))), page
	}
	size = min(chunk, max(page, int(amount/8)/page*page))
	return int(math.Ceil(amount / float64(size))), size
}

// least and most are how long a probe takes with the limit.
func (l limit) least() time.Duration {
	blocks, size := l.probe()
	n := float64(blocks - 1)
	if l.bytes {
		n *= float64(size)
	}
	return max(time.Duration(n/float64(l.rate)*float64(time.Second))*9/10-slice, slice/2)
}

func (l limit) most() time.Duration {
	blocks, size := l.probe()
	n := float64(blocks)
	if l.bytes {
		n *= float64(size)
	}
	return time.Duration(n/float64(l.rate)*float64(time.Second))*13/10 + 2*slice
}

// show is what a probe of a duration did.
func (l limit) show(d time.Duration) string {
	blocks, size := l.probe()
	verb := "read"
	if l.write {
		verb = "wrote"
	}
	if l.bytes {
		return fmt.Sprintf("%s %.2f MB/s", verb, float64(blocks*size)/1e6/d.Seconds())
	}
	return fmt.Sprintf("%s %.1f times/s", verb, float64(blocks)/d.Seconds())
}

// String is what is counted.
func (l limit) String() string {
	switch {
	case l.bytes && l.write:
		return "bytes written"
	case l.bytes:
		return "bytes read"
	case l.write:
		return "writes"
	}
	return "reads"
}
