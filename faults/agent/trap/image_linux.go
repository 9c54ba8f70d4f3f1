package trap

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
)

// locate finds where the variables of a process are.
func locate(w Where) (cells []cell, limit uint64, err error) {
	image, err := open(w.PID)
	if err != nil {
		return nil, 0, err
	}
	defer image.Close()
	for _, name := range slices.Sorted(maps.Keys(w.Only)) {
		s, err := image.symbol(name)
		if err != nil {
			return nil, 0, err
		}
		cells = append(cells, cell{address: s.Value + image.moved, size: int32(s.Size), value: w.Only[name]})
	}
	if w.Limit != "" {
		s, err := image.symbol(w.Limit)
		if err != nil {
			return nil, 0, err
		}
		limit = s.Value + image.moved
	}
	return cells, limit, nil
}

// Variable reads an exported variable of 4 or 8 bytes in a process.
func Variable(pid int, name string) (uint64, error) {
	image, err := open(pid)
	if err != nil {
		return 0, err
	}
	defer image.Close()
	s, err := image.symbol(name)
	if err != nil {
		return 0, err
	}
	n, err := number(pid, s.Value+image.moved, int(s.Size))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return n, nil
}

// number reads one of so many bytes in a process's memory.
func number(pid int, address uint64, size int) (uint64, error) {
	b := make([]byte, 8) // of little endian, as all machines here are
	// The file /proc/PID/mem would need the right to open files of others as well.
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &b[0], Len: uint64(size)}}, []unix.RemoteIovec{{Base: uintptr(address), Len: size}}, 0)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return binary.LittleEndian.Uint64(b), nil
}

// image is a process's executable file, and by how much it was moved in memory.
type image struct {
	*elf.File
	file    *os.File
	symbols []elf.Symbol
	moved   uint64
}

func (i *image) Close() { i.file.Close() }

func open(pid int) (*image, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return nil, fmt.Errorf("open the executable file of process %d: %w", pid, err)
	}
	i := &image{file: f}
	if err = i.read(f); err == nil && i.Type == elf.ET_DYN {
		i.moved, err = i.base(pid)
	}
	if err != nil {
		f.Close()
		return nil, &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: the executable file of process %d cannot be read: %v", pid, err),
			Remedy: "use a server whose executable file has its symbols for extensions, as PostgreSQL's own packages do"}
	}
	return i, nil
}

// read takes the symbols from a file, which is the target's and may be anything.
func (i *image) read(r io.ReaderAt) (err error) {
	if i.File, err = elf.NewFile(r); err == nil {
		i.symbols, err = i.DynamicSymbols()
	}
	return err
}

func (i *image) symbol(name string) (elf.Symbol, error) {
	for _, s := range i.symbols {
		if s.Name == name && s.Value != 0 && (s.Size == 4 || s.Size == 8) {
			return s, nil
		}
	}
	return elf.Symbol{}, &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: the server's executable file has no variable %s", name),
		Remedy: "use a server whose executable file has its symbols for extensions, as PostgreSQL's own packages do"}
}

// base is by how much the file was moved: its first mapping less the first address it asks for.
func (i *image) base(pid int) (uint64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return 0, err
	}
	return i.within(string(maps), name)
}

// within is base for what /proc/PID/maps says and the file's name there.
func (i *image) within(maps, name string) (uint64, error) {
	for l := range strings.Lines(maps) {
		var from, to, offset uint64
		if !strings.HasSuffix(strings.TrimSpace(l), name) {
			continue
		}
		var mode string
		if _, err := fmt.Sscanf(l, "%x-%x %s %x", &from, &to, &mode, &offset); err != nil || offset != 0 {
			continue
		}
		for _, p := range i.Progs {
			if p.Type == elf.PT_LOAD {
				return from - p.Vaddr&^0xfff, nil
			}
		}
	}
	return 0, errors.New("it is not mapped")
}
