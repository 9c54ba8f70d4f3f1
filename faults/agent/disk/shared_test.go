package disk

import "testing"

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
	for _, tt := range []struct {
		s       size
		percent float64
		want    uint64
	}{
		{size{0, 1000}, 50, 500}, {size{400, 600}, 50, 100}, {size{600, 400}, 50, 0}, {size{1, 999}, 100, 999},
	} {
		if got := tt.s.missing(tt.percent); got != tt.want {
			t.Errorf("%+v to %v: %d, want %d", tt.s, tt.percent, got, tt.want)
		}
	}
}
