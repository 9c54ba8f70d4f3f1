package agent

import (
	"strings"
	"testing"
	"time"

	"faultlab/faults/agent/guesttest"
)

// guestTests are run in guests, each of the lists in one; the table of expectations is the
// host's. Most of the time they wait, so two guests are done in half of it: the lists
// take about the same.
var guestTests = map[string][]string{
	"disturb and lose": {
		"TestDuplicateIsExact", "TestCorruptIsExact", "TestReorderIsExact", "TestRateIsExact", "TestDisturbances.*",
		"TestRateThatIsNotFelt", "TestRateOfTCP", "TestBulkBehindADelay", "TestLossIsExact", "Test.*OnTheWire", "TestBurstsBesideOthers",
		"TestLocalPort",
	},
	"delay and live": {
		"TestLatencyIsExact", "TestDirections", "TestPeers", "TestStack",
		"TestRevertKeepsWhatWaits", "TestJitter", "TestNothingIsDroppedByTheLimit", "TestLadder", "TestNetem.*",
		"TestEndOfInput.*", "TestKilled.*", "TestTimeToLive", "TestTargetEnds", "TestRefusals", "TestCancel",
		"TestNames", "TestHardLimit", "TestNamesRefused",
	},
}

// TestGuest runs the tests in a kernel that has netem.
func TestGuest(t *testing.T) {
	if guest() {
		t.Skip("this is the guest")
	}
	binary := guesttest.Build(t)
	for name, tests := range guestTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			text := guesttest.Run(t, binary, 10*time.Minute, "-test.run", "^("+strings.Join(tests, "|")+")$")
			t.Logf("guest passed in %v:\n%s", time.Since(start).Round(time.Second), text)
		})
	}
}
