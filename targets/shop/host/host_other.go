//go:build !linux

package host

import (
	"context"
	"errors"

	"faultlab/targets/shop/service"
)

// ErrNotSupported says that there is no host here.
var ErrNotSupported = errors.New("a host needs Linux: it reaps orphans and reads /proc and control groups")

// Build gives ErrNotSupported.
func Build(context.Context, *service.Service, *Config, *Output) (closing func(), err error) {
	return nil, ErrNotSupported
}
