package host

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	c := DefaultConfig()
	return c, service.Load(shoptest.File(t, text), &c)
}

func TestConfigurationIsRead(t *testing.T) {
	c, err := load(t, `
look_every: 250ms
programs:
  - name: report
    command: [shop, catalog]
    environment: {SHOP_RELEASE: 2.13.1}
    restart: on-failure
    backoff: {first: 100ms}
    memory: {limit_mib: 64}
  - {name: cron, command: [sleep, 1d]}
`)
	if err != nil {
		t.Fatal(err)
	}
	report, cron := DefaultProgram("report", "shop", "catalog"), DefaultProgram("cron", "sleep", "1d")
	report.Environment, report.Restart = map[string]string{"SHOP_RELEASE": "2.13.1"}, OnFailure
	report.Backoff.First, report.Memory.LimitMiB = 100*time.Millisecond, 64
	want := DefaultConfig()
	want.LookEvery, want.Programs = 250*time.Millisecond, []Program{report, cron}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v; want %+v", c, want)
	}
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	one := func(more string) string { return "programs: [{name: a, command: [true]" + more + "}]" }
	for text, says := range map[string]string{
		"":                                      "there are 0 programs; want 1 to 50",
		"programs: [{command: [true]}]":         `programs[0].name is ""`,
		"programs: [{name: a b, command: [x]}]": "want 1 to 40 letters",
		"programs: [{name: a, command: [x]}, {name: a, command: [x]}]": `programs[1].name is "a"`,
		"programs: [{name: a}]":              "programs[0].command is empty",
		one(", restarts: always"):            "field restarts not found",
		one(", restart: sometimes"):          `programs[0].restart is "sometimes"; want always`,
		one(", stop_signal: KILL"):           `programs[0].stop_signal is "KILL"; want TERM`,
		one(", memory: {limit_mib: 1}"):      "programs[0].memory.limit_mib is 1; want 4 to 1048576",
		one(", memory: {by: luck}"):          `programs[0].memory.by is "luck"; want cgroup`,
		one(", backoff: {first: 1ms}"):       "programs[0].backoff.first is 1ms; want 10ms to 10m0s",
		one(", backoff: {first: 1m}"):        "programs[0].backoff.max is 30s; want 1m0s to 1h0m0s",
		one(", backoff: {reset_after: -1s}"): "programs[0].backoff.reset_after",
		one("") + "\nlook_every: 1ms":        "look_every is 1ms; want 50ms to 1m0s",
		one("") + "\nstop_timeout: 1ms":      "stop_timeout is 1ms; want 100ms to 5m0s",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v; want %q", text, err, says)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Max: 5 * time.Second, ResetAfter: 10 * time.Second}
	var pause time.Duration
	for i, tt := range []struct{ ran, want time.Duration }{
		{0, time.Second}, {0, 2 * time.Second}, {9 * time.Second, 4 * time.Second}, {0, 5 * time.Second},
		{0, 5 * time.Second}, {10 * time.Second, time.Second}, {time.Second, 2 * time.Second},
	} {
		if pause = b.next(pause, tt.ran); pause != tt.want {
			t.Errorf("pause %d is %v; want %v", i, pause, tt.want)
		}
	}
}

func TestLinesBearTheNameOfTheirProgram(t *testing.T) {
	var out bytes.Buffer
	long := strings.Repeat("x", longestLine)
	NewOutput(&out).copyLines("cron", strings.NewReader("one\n\n"+long+"y\nno end"))
	want := "cron | one\ncron | \ncron | " + long + "\ncron | y\ncron | no end\n"
	if out.String() != want {
		t.Errorf("got %.60q (%d bytes); want %.60q (%d bytes)", out.String(), out.Len(), want, len(want))
	}
}
