package disk

import (
	"testing"

	"faultlab/faults"
)

func TestShared(t *testing.T) {
	const machine = "27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 0:56 / /var/lib/docker/containers/0123456789abcdef/mounts/shm rw - tmpfs shm rw\n"
	for _, tt := range []struct{ device, container, want string }{
		{"254:0", "0123456789abcdef", "/"},
		{"0:56", "0123456789abcdef", ""},
		{"0:56", "pid:7", "/var/lib/docker/containers/0123456789abcdef/mounts/shm"},
		{"0:99", "0123456789abcdef", ""},
	} {
		if got := shared(machine, tt.device, tt.container); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.device, tt.container, got, tt.want)
		}
	}
}

func TestMissing(t *testing.T) {
	share := func(percent float64) faults.DiskFill { return faults.DiskFill{Percent: percent} }
	leave := func(bytes int64) faults.DiskFill { return faults.DiskFill{LeaveBytes: bytes} }
	for _, tt := range []struct {
		s    size
		f    faults.DiskFill
		want uint64
	}{
		{size{0, 1000}, share(50), 500}, {size{400, 600}, share(50), 100}, {size{600, 400}, share(50), 0}, {size{1, 999}, share(100), 999},
		{size{0, 1000}, leave(300), 700}, {size{400, 600}, leave(1), 599}, {size{400, 600}, leave(600), 0}, {size{999, 1}, leave(300), 0},
	} {
		if got := tt.s.missing(tt.f); got != tt.want {
			t.Errorf("%+v with %+v: %d, want %d", tt.s, tt.f, got, tt.want)
		}
	}
}
