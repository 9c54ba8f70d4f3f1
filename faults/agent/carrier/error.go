package carrier

import "fmt"

// Code classifies an [Error].
type Code string

// The codes of errors that cross the wire.
const (
	BadRequest   Code = "bad-request"   // not understood, or out of range
	NotSupported Code = "not-supported" // the kernel lacks something
	Unproved     Code = "unproved"      // the effect was not seen; it was undone
	NoProbe      Code = "no-probe"      // nobody answered a probe; nothing was done
	Unmeasurable Code = "unmeasurable"  // it is away, and nothing can be measured again
	NotFound     Code = "not-found"     // no such injection
	Refused      Code = "refused"       // not ours to touch
	TargetGone   Code = "target-gone"   // the process or the container has ended
	Failed       Code = "failed"        // the kernel or the engine refused an operation
	Dead         Code = "agent-dead"    // the agent has gone away
)

// Error is an error with its class and, where there is one, the remedy.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// usual are remedies for errors that bring none of their own.
var usual = map[Code]string{
	BadRequest:   "faultlab faults KIND tells the parameters of a kind and their ranges",
	NotSupported: "faultlab doctor tells what is missing and how to get it",
	Unproved:     "try again when the machine is less busy, or measure elsewhere with probe addresses",
	NoProbe:      "name a probe address that answers, such as another container of the network",
	Unmeasurable: "see whether the target works as before",
	NotFound:     "faultlab revert --list tells what is on",
	TargetGone:   "see why it ended (docker logs), start it and inject again",
	Failed:       "faultlab doctor tells whether all that faults need is there",
	Dead:         "inject it again if it is still wanted",
}

// Hint is the remedy, or what usually helps, for the command's second error line.
func (e *Error) Hint() string {
	if e.Remedy != "" {
		return e.Remedy
	}
	return usual[e.Code]
}

// Is makes errors.Is(err, &Error{Code: c}) ask for the class alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// Errorf makes an error of a class, without a remedy.
func Errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}
