//go:build !linux

package cgroup

import "faultlab/faults/agent/carrier"

// Of is for where agents run.
func Of(int, string) (Group, error) {
	return Group{}, carrier.Errorf(carrier.NotSupported, "not supported: control groups are Linux's")
}
