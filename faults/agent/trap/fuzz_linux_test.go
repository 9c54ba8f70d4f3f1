package trap

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// Whatever the target's executable file and the map of its memory hold, reading them ends,
// and a variable that is found has a size that can be read.
func FuzzImage(f *testing.F) {
	const maps = "5612000-5613000 r--p 00000000 fe:00 247026                     /usr/lib/postgresql/bin/postgres\n"
	f.Add(executable(f, 4), maps)
	f.Add(executable(f, 16), "5612000-5613000 r-xp 00001000 fe:00 1 /usr/lib/postgresql/bin/postgres\n")
	f.Add([]byte(elf.ELFMAG), "")
	f.Fuzz(func(t *testing.T, file []byte, maps string) {
		var i image
		if err := i.read(bytes.NewReader(file)); err != nil {
			return
		}
		if s, err := i.symbol("MyDatabaseId"); err == nil && s.Size != 4 && s.Size != 8 {
			t.Fatalf("a variable of %d bytes", s.Size)
		}
		_, _ = i.within(maps, "/usr/lib/postgresql/bin/postgres")
	})
}

func TestImage(t *testing.T) {
	var i image
	if err := i.read(bytes.NewReader(executable(t, 4))); err != nil {
		t.Fatal(err)
	}
	if s, err := i.symbol("MyDatabaseId"); err != nil || s.Value != 0x2010 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := i.symbol("max_stack_depth"); err == nil {
		t.Error("a variable that is not there is found")
	}
	const other = "1000-2000 r--p 00000000 fe:00 1 /usr/lib/libc.so.6\n"
	for maps, want := range map[string]uint64{
		other + "7f0000-7f1000 r--p 00000000 fe:00 2   /bin/postgres\n":                                                    0x7ef000,
		other + "7f1000-7f2000 r-xp 00001000 fe:00 2   /bin/postgres\n7f0000-7f1000 r--p 00000000 fe:00 2 /bin/postgres\n": 0x7ef000,
		other: 0,
	} {
		if got, err := i.within(maps, "/bin/postgres"); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %#x, %v; want %#x", maps, got, err, want)
		}
	}
	if err := i.read(bytes.NewReader(executable(t, 16))); err != nil {
		t.Fatal(err)
	}
	if _, err := i.symbol("MyDatabaseId"); err == nil {
		t.Error("a variable of 16 bytes is taken")
	}
}

// executable is a file of one segment that is loaded at 0x1000, and one dynamic symbol.
func executable(tb testing.TB, size uint64) []byte {
	tb.Helper()
	const names = "\x00MyDatabaseId\x00.dynsym\x00.dynstr\x00"
	const head, program, section, symbol = 64, 56, 64, 24
	symbols := uint64(head + program)
	strings := symbols + 2*symbol
	sections := strings + uint64(len(names))
	var out bytes.Buffer
	for _, part := range []any{
		elf.Header64{Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Phoff: head, Shoff: sections,
			Ehsize: head, Phentsize: program, Phnum: 1, Shentsize: section, Shnum: 3, Shstrndx: 2},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R), Vaddr: 0x1000, Filesz: sections, Memsz: sections, Align: 0x1000},
		elf.Sym64{},
		elf.Sym64{Name: 1, Info: byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_OBJECT), Shndx: 1, Value: 0x2010, Size: size},
		[]byte(names),
		elf.Section64{},
		elf.Section64{Name: 14, Type: uint32(elf.SHT_DYNSYM), Off: symbols, Size: 2 * symbol, Link: 2, Info: 1, Entsize: symbol},
		elf.Section64{Name: 22, Type: uint32(elf.SHT_STRTAB), Off: strings, Size: uint64(len(names))},
	} {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}
