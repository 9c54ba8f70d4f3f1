package faulttest_test

import (
	"net/http"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/faulttest"
)

// A client must give up on a service behind a slow link in time. web is the name or
// id of a container that the test has started, url an address of it.
func testGivesUp(t *testing.T, web, url string) {
	in := faulttest.Start(t)
	in.Inject(web, faults.Latency{Delay: 2 * time.Second})
	began := time.Now()
	_, err := (&http.Client{Timeout: 500 * time.Millisecond}).Get(url)
	if err == nil || time.Since(began) > time.Second {
		t.Errorf("answered %v after %v; want a timeout", err, time.Since(began))
	}
}

func ExampleStart() {
	_ = testGivesUp // the test above; in it, faults end with the test
}
