package service

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PinCode moves this program's code and constants from the page cache into
// memory of its own, so that the kernel never drops them to read them again
// from the image: near its memory limit a process would otherwise crawl for
// minutes before it is ended. Locking them would do the same, but the usual
// `ulimit -l` is too small for it. An error says why not; the program runs on.
func PinCode() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own code: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("find our own code: %w", err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != self || strings.Contains(fields[1], "w") {
			continue
		}
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to); err != nil {
			return fmt.Errorf("read the map of our memory: %w", err)
		}
		prot := unix.PROT_READ
		if strings.Contains(fields[1], "x") {
			prot |= unix.PROT_EXEC
		}
		if err := pin(from, to-from, prot); err != nil {
			return fmt.Errorf("keep our code in memory: %w", err)
		}
	}
	return nil
}

// pin puts an anonymous copy in the place of a read-only mapping. The move is one
// system call and the bytes are the same, so code that runs there does not notice.
func pin(at, size uintptr, prot int) error {
	copied, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	copy(copied, unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), size))
	if err := unix.Mprotect(copied, prot); err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_MREMAP, uintptr(unsafe.Pointer(&copied[0])), size, size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, at, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
