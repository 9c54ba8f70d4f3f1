//go:build !linux

package engine

func guard(socket, request string) (release func()) { return func() {} }
