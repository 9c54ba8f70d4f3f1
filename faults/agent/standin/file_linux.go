package standin

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// file is one without a name, read and written past the kernel's cache.
type file struct{ fd int }

func (f *file) open(dir string, blocks, size int) error {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("make a file without a name for direct access: %w", err)
	}
	if f.fd > 0 {
		unix.Close(f.fd)
	}
	f.fd = fd
	// What was never written is not read from the disk, and is written more than once.
	if _, err := f.transfer(true, blocks, size); err != nil {
		return err
	}
	return unix.Fsync(fd)
}

// transfer reads or writes blocks one after another and gives the seconds that took.
func (f *file) transfer(write bool, blocks, size int) (float64, error) {
	if f.fd <= 0 || size <= 0 || size > 64*mib {
		return 0, errors.New("no file")
	}
	block, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(block)
	began := time.Now()
	for i := range blocks {
		n := 0
		if at := int64(i) * int64(size); write {
			n, err = unix.Pwrite(f.fd, block, at)
		} else {
			n, err = unix.Pread(f.fd, block, at)
		}
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, fmt.Errorf("block %d of %d bytes: %w", i, size, err)
		}
	}
	return time.Since(began).Seconds(), nil
}
