package agent

// testBand gives the numbers of losses out of n, each lost with share p, that a test
// must accept. The agent's own band has 99.9 percent: it repeats what lies outside. A test
// draws once, and a run of all tests compares about 70 numbers with a band, half of them in
// the guest: with 99.9 percent one run in 15 would fail by chance. With this one in 14,000
// does; the tests send twice as much to be as strict as they would be with the narrower one.
func testBand(n int, p float64) (lo, hi int) { return testLossBand(n, outlook{loss: p}) }

// testLossBand is testBand for losses that may come in bursts.
func testLossBand(n int, o outlook) (lo, hi int) { return lossCentral(n, o, 1-1e-6) }
