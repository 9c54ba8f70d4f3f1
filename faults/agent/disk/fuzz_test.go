package disk

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever mountinfo holds, what is read of it is in it; and what the kernel writes of a
// mount, with its way of writing blanks, is read back.
func FuzzMountinfo(f *testing.F) {
	f.Add("22 27 0:21 / /proc rw,relatime - proc proc rw\n", "/my data", "ext4", "/dev/vda", "/a,b=c\\d")
	f.Add("31 27 0:51 / /short rw\n", "/", "overlay", "overlay", "/var/lib/docker/overlay2/x/diff")
	f.Add("32 27 0:52 / /no\u00a0break rw - tmpfs tmpfs rw\n", "/a\vb\u00a0c", "tmpfs", "tmpfs", "/d\u2003e")
	f.Add("30 27 254:0 / /a\\04 rw - - - -\n", "/a\\040", "tmpfs", "none", "")
	f.Fuzz(func(t *testing.T, text, point, kind, source, upper string) {
		for id := range uint64(3) {
			if _, ok := lineOf(text, id); ok && !strings.Contains(text, fmt.Sprint(id)) {
				t.Fatalf("%q has a mount %d", text, id)
			}
		}
		if where := shared(text, "0:51", "0123456789abcdef"); where != "" && !strings.Contains(text, where) {
			t.Fatalf("%q is shared at %q", text, where)
		}
		if kind != escape(kind) {
			return // the kernel's own names need none
		}
		written := fmt.Sprintf("4 1 0:51 / %s rw shared:1 - %s %s rw,upperdir=%s,workdir=/w\n", escape(point), kind, escape(source), escape(upper))
		got, ok := lineOf("3 1 0:50 / / rw - proc proc rw\n"+written, 4)
		if want := (line{point, kind, source, upper}); !ok || got != want {
			t.Fatalf("%q is read as %+v, want %+v", written, got, want)
		}
	})
}

// escape writes a path as the kernel does, which leaves all other characters as they are.
func escape(s string) string {
	var out strings.Builder
	for i := range len(s) {
		if strings.IndexByte(" \t\n\\,=#", s[i]) >= 0 {
			fmt.Fprintf(&out, "\\%03o", s[i])
		} else {
			out.WriteByte(s[i])
		}
	}
	return out.String()
}
