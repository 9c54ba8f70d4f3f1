package service

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PinCode moves this program's code and constants from the page cache into memory of
// its own when its container's memory runs short, so that the kernel never drops them to
// read them again from the image: near its memory limit a process would otherwise crawl for
// a minute and more before it is ended. That is so on any file system: a copy in the page
// cache that containers share counts as the memory of the one that read it first, which
// then loses it first. Locking would do the same, but the usual `ulimit -l` is too small
// for it. It waits for that until ctx ends. An error says why the code is not moved; the
// program runs on.
//
// Until then the page cache's copy is used, which containers share. A process that comes
// so far would be near its limit with its code counted in, and mostly will be ended.
//
// The table of functions (.gopclntab) stays where it is: it is a third of the whole, and
// of the little that is used of it a collection reads the same pages every time.
//
// A container whose limit is more than five times that has room for both: nothing is done
// there, nor where there is no limit.
func PinCode(ctx context.Context) error {
	const exe = "/proc/self/exe"
	file, err := os.Open(exe)
	if err != nil {
		return fmt.Errorf("find our own code: %w", err)
	}
	defer file.Close()
	leave, err := functions(file)
	if err != nil {
		return fmt.Errorf("find our own code: %w", err)
	}
	maps, err := mapped()
	if err != nil {
		return fmt.Errorf("find our own code: %w", err)
	}
	var parts []area
	var size uintptr
	for _, m := range maps {
		for _, part := range m.without(leave) {
			parts = append(parts, part)
			size += part.to - part.from
		}
	}
	limit, ok := memoryLimit()
	if !ok || limit > 5*uint64(size) {
		return nil
	}
	if err := untilShort(ctx, limit, uint64(size)); err != nil || ctx.Err() != nil {
		return err
	}
	for _, part := range parts {
		if err := pin(part); err != nil {
			return fmt.Errorf("keep our code in memory: %w", err)
		}
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &fs); err == nil && fs.Type == unix.FUSE_SUPER_MAGIC {
		// What was read on the way is a second copy, of this container alone. It may stay.
		_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	return nil
}

// lookEvery is how often it is looked whether memory runs short: a leak that ends a
// container within seconds takes a few megabytes meanwhile.
const lookEvery = 500 * time.Millisecond

// untilShort waits until memory runs short, or ctx ends.
func untilShort(ctx context.Context, limit, code uint64) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		own, err := ownMemory()
		if err != nil {
			return fmt.Errorf("look at our own memory: %w", err)
		}
		if short(own, code, limit) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// short says whether a process that has so much memory of its own is near its container's
// limit once its code is added: above nine tenths, where no healthy service comes. What is
// left to the page cache until then has room for the code.
func short(own, code, limit uint64) bool { return own+code > limit/10*9 }

// ownMemory is what this process has of memory that is no file's, in bytes.
func ownMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, resident, shared uint64
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
		return 0, fmt.Errorf("/proc/self/statm says %q: %w", text, err)
	}
	return (resident - min(shared, resident)) * uint64(os.Getpagesize()), nil
}

// memoryLimit is what this container may use, in bytes, if that is limited.
func memoryLimit() (uint64, bool) {
	for _, file := range []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		return n, err == nil // version 2 says "max" for none
	}
	return 0, false
}

// area is a part of this process's memory.
type area struct {
	from, to uintptr
	prot     int
}

// without gives what is left of an area when the whole pages of another are taken out.
func (a area) without(b area) []area {
	page := uintptr(os.Getpagesize())
	from, to := (b.from+page-1)&^(page-1), b.to&^(page-1)
	if from >= to {
		return []area{a}
	}
	var left []area
	for _, part := range []area{{a.from, min(a.to, from), a.prot}, {max(a.from, to), a.to, a.prot}} {
		if part.from < part.to {
			left = append(left, part)
		}
	}
	return left
}

// functions gives where the table of functions is; nothing if there is none.
func functions(program io.ReaderAt) (area, error) {
	f, err := elf.NewFile(program)
	if err != nil {
		return area{}, err
	}
	if s := f.Section(".gopclntab"); s != nil {
		return area{from: uintptr(s.Addr), to: uintptr(s.Addr + s.Size)}, nil
	}
	return area{}, nil
}

// mapped gives where this program's file is mapped and not written to.
func mapped() ([]area, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	var out []area
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != self || strings.Contains(fields[1], "w") {
			continue
		}
		a := area{prot: unix.PROT_READ}
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &a.from, &a.to); err != nil {
			return nil, err
		}
		if strings.Contains(fields[1], "x") {
			a.prot |= unix.PROT_EXEC
		}
		out = append(out, a)
	}
	return out, nil
}

// pin puts an anonymous copy in the place of a read-only mapping. The move is one
// system call and the bytes are the same, so code that runs there does not notice.
func pin(a area) error {
	size := a.to - a.from
	copied, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	copy(copied, unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&a.from))), size))
	if err := unix.Mprotect(copied, a.prot); err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_MREMAP, uintptr(unsafe.Pointer(&copied[0])), size, size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, a.from, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
