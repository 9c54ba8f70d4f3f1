package disk

import (
	"errors"

	"faultlab/faults/agent/carrier"

	"golang.org/x/sys/unix"
)

// Abilities says whether the kernel changes one attribute of a mount, by asking it to
// change none of a descriptor that is not open.
func Abilities() []carrier.Ability {
	a := carrier.Ability{Name: "attributes of mounts", OK: true, Detail: "can be changed, for disk-readonly"}
	if err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{}); errors.Is(err, unix.ENOSYS) {
		e := noSetattr()
		a.OK, a.Detail, a.Remedy = false, e.Message+"; disk-readonly cannot be used", e.Remedy
	}
	return []carrier.Ability{a}
}

// noSetattr is the error where the kernel cannot.
func noSetattr() *carrier.Error {
	return &carrier.Error{Code: carrier.NotSupported, Message: "not supported: the kernel cannot change one attribute of a mount (mount_setattr)",
		Remedy: "use Linux 5.12 or later"}
}
