package disk

import (
	"testing"
	"time"

	"faultlab/faults"
)

func TestLimits(t *testing.T) {
	all := limitsOf(faults.DiskSlow{ReadBytesPerSecond: 1 << 20, WriteBytesPerSecond: 2 << 20, ReadsPerSecond: 10, WritesPerSecond: 20})
	want := [][3]string{{"blkio.throttle.read_bps_device", "rbps", "1048576"}, {"blkio.throttle.write_bps_device", "wbps", "2097152"},
		{"blkio.throttle.read_iops_device", "riops", "10"}, {"blkio.throttle.write_iops_device", "wiops", "20"}}
	if len(all) != 4 {
		t.Fatalf("%+v", all)
	}
	for i, l := range all {
		v1, none := l.file(false)
		v2, name := l.file(true)
		if v1 != want[i][0] || none != "" || v2 != "io.max" || name != want[i][1] || l.value() != want[i][2] {
			t.Errorf("%+v: %s %s, %s, %s", l, v1, v2, name, l.value())
		}
	}
	if got := limitsOf(faults.DiskSlow{WritesPerSecond: 3}); len(got) != 1 || !got[0].write || got[0].bytes {
		t.Errorf("%+v", got)
	}
}

// A probe takes long enough to be told from none, and not long.
func TestProbeSizes(t *testing.T) {
	for _, l := range []limit{{bytes: true, rate: 64 << 10}, {bytes: true, rate: 1 << 20}, {bytes: true, rate: 128 << 20}, {rate: 1}, {rate: 7}, {rate: 10_000}} {
		blocks, size := l.probe()
		if blocks < 2 || size%page != 0 || size < page || blocks*size > 64<<20 {
			t.Errorf("%+v: %d blocks of %d", l, blocks, size)
		}
		limit := time.Second
		if l.rate == 1 {
			limit = 3 * time.Second
		}
		if l.least() < 50*time.Millisecond || l.least() >= l.most() || l.most() > limit {
			t.Errorf("%+v: %v to %v", l, l.least(), l.most())
		}
	}
}
