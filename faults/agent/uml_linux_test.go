package agent

import (
	"testing"
	"time"

	"faultlab/faults/agent/guesttest"
)

// guestTests are run in the guest; the table of expectations is the host's.
const guestTests = "^(TestLatencyIsExact|TestLossIsExact|TestDuplicateIsExact|TestCorruptIsExact|TestReorderIsExact|TestRateIsExact|TestDisturbances.*|TestRateThatIsNotFelt|TestRateOfTCP|TestBulkBehindADelay|TestDirections|TestPeers|TestLocalPort|TestStack|TestRevertKeepsWhatWaits|TestJitter|Test.*OnTheWire|TestBurstsBesideOthers|TestNothingIsDroppedByTheLimit|TestLadder|TestNetem.*|TestEndOfInput.*|TestKilled.*|TestTimeToLive|TestTargetEnds|TestRefusals|TestCancel|TestNames|TestHardLimit|TestNamesRefused)$"

// TestGuest runs the tests in a kernel that has netem.
func TestGuest(t *testing.T) {
	if guest() {
		t.Skip("this is the guest")
	}
	start := time.Now()
	text := guesttest.Run(t, 10*time.Minute, "-test.run", guestTests)
	t.Logf("guest passed in %v:\n%s", time.Since(start).Round(time.Second), text)
}
