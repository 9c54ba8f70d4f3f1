// Package guesttest runs a package's tests in a kernel that has netem, wherever the
// tests are run: Debian's user-mode Linux, which is a process and boots in two seconds.
package guesttest

import "os"

// mark is set in the guest.
const mark = "FAULTLAB_TEST_GUEST"

// Inside says that we run in the guest.
func Inside() bool { return os.Getenv(mark) == "1" }
