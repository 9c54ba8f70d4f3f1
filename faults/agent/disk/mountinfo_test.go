package disk

import "testing"

func TestLineOf(t *testing.T) {
	const info = "22 27 0:21 / /proc rw,relatime - proc proc rw\n" +
		"30 27 254:0 /vol/_data /my\\040data rw,relatime master:1 shared:7 - ext4 /dev/vda rw,discard\n" +
		"300 27 0:50 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/var/lib/docker/o\\054x/diff,workdir=/w\n" +
		"31 27 0:51 / /short rw\n" +
		"32 27 0:52 / /no\u00a0break rw - tmpfs tmpfs rw\n"
	for id, want := range map[uint64]line{
		22: {"/proc", "proc", "proc", ""}, 30: {"/my data", "ext4", "/dev/vda", ""},
		300: {"/", "overlay", "overlay", "/var/lib/docker/o,x/diff"}, 31: {point: "/short"},
		32: {"/no\u00a0break", "tmpfs", "tmpfs", ""},
	} {
		if got, ok := lineOf(info, id); !ok || got != want {
			t.Errorf("%d: %+v, %v", id, got, ok)
		}
	}
	if _, ok := lineOf(info, 3); ok {
		t.Error("one that is not there is found")
	}
}
