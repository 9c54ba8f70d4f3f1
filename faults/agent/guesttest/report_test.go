package guesttest

import "testing"

func TestFailures(t *testing.T) {
	for _, tt := range []struct{ name, output, want string }{
		{"nothing", "Kernel panic - not syncing\n", "no test had begun"},
		{"broken off", "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\npanic: test timed out after 1s\n",
			"no test had failed; the last that had begun: TestB"},
		{"one of two back-ends", `=== RUN   TestA
=== RUN   TestA/queue
    a_test.go:1: no NFQUEUE
=== RUN   TestA/netem
    a_test.go:2: lost 9, want 1 to 8
        of 10
=== RUN   TestA/netem/30
    a_test.go:3: fits
=== NAME  TestA/netem
    a_test.go:4: left behind
--- FAIL: TestA (0.02s)
    --- SKIP: TestA/queue (0.00s)
    --- FAIL: TestA/netem (0.02s)
        --- PASS: TestA/netem/30 (0.01s)
=== RUN   TestB
    b_test.go:1: late
--- FAIL: TestB (0.01s)
FAIL
`, `TestA/netem
    a_test.go:2: lost 9, want 1 to 8
        of 10
    a_test.go:4: left behind
TestB
    b_test.go:1: late
failed in the guest: TestA/netem, TestB`},
	} {
		if got := failures(tt.output); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}
