package dependency

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestIdle(t *testing.T) {
	for name, tt := range map[string]struct {
		a              activity
		server, client bool
	}{
		"new":                          {activity{}, true, true},
		"asked":                        {activity{sent: 100, recv: 50, in: 2, out: 1}, false, true},
		"answered":                     {activity{sent: 50, recv: 100, in: 2, out: 2}, true, false},
		"answered just now":            {activity{sent: 19, recv: 100, in: 2, out: 2}, false, false},
		"first question":               {activity{sent: 500, recv: 500, in: 1}, false, true},
		"answer not acknowledged":      {activity{sent: 50, recv: 100, in: 2, out: 2, queued: 1}, false, false},
		"both in one tick":             {activity{sent: 199, recv: 199, in: 2, out: 2}, false, false},
		"both in one tick, long ago":   {activity{sent: 200, recv: 200, in: 2, out: 2}, true, true},
		"a first word of the server's": {activity{sent: 900, recv: 900, out: 1}, true, false},
	} {
		if got := tt.a.idle(true); got != tt.server {
			t.Errorf("%s: a server's socket is idle: %v", name, got)
		}
		if got := tt.a.idle(false); got != tt.client {
			t.Errorf("%s: a client's socket is idle: %v", name, got)
		}
	}
}

// What the kernel tells is read without a look beyond its end.
func FuzzParseSocket(f *testing.F) {
	whole := make([]byte, diagHeader+4+160)
	whole[0], whole[diagHeader], whole[diagHeader+2] = unix.AF_INET6, 164, diagInfo
	f.Add(whole)
	f.Add(whole[:diagHeader])
	f.Add([]byte{unix.AF_INET})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseSocket(b); ok && (s.family != b[0] || !s.local.IsValid() || !s.remote.IsValid()) {
			t.Errorf("%x is read as %+v", b, s)
		}
	})
}
