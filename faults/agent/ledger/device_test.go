package ledger

import "testing"

func TestDeviceLimits(t *testing.T) {
	const v1 = "8:0 1048576\n254:0 65536\n"
	const v2 = "8:16 rbps=2097152 wbps=max riops=max wiops=120\n"
	for _, tt := range []struct{ text, device, limit, want string }{
		{v1, "254:0", "", "65536"}, {v1, "4:0", "", "max"}, {"", "8:0", "", "max"},
		{v2, "8:16", "rbps", "2097152"}, {v2, "8:16", "wbps", "max"}, {v2, "8:16", "wiops", "120"}, {v2, "8:1", "rbps", "max"},
	} {
		if got := deviceValue(tt.text, tt.device, tt.limit); got != tt.want {
			t.Errorf("%s %s of %q: %q, want %q", tt.device, tt.limit, tt.text, got, tt.want)
		}
	}
	for _, tt := range []struct{ device, limit, value, want string }{
		{"8:0", "", "100", "8:0 100"}, {"8:0", "", "max", "8:0 0"},
		{"8:0", "wiops", "100", "8:0 wiops=100"}, {"8:0", "wiops", "max", "8:0 wiops=max"},
	} {
		if got := deviceLine(tt.device, tt.limit, tt.value); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
