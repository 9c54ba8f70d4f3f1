package dependency

import "testing"

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
