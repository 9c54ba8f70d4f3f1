package trap

import (
	"bytes"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// root skips who may not load programs.
func root(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("FAULTLAB_REQUIRE") == "1" {
		t.Fatal("required here: not root")
	}
	t.Skip("not root")
}

// The kernel takes the program with as many variables as there can be.
func TestLoad(t *testing.T) {
	root(t)
	a, err := compile("select*from orders")
	if err != nil {
		t.Fatal(err)
	}
	p, err := load(Where{Text: 16, Unless: 96, Always: os.Getpid()}, What{Share: 0.1, Seed: 1}, a, []cell{{0x1000, 4, 1<<32 - 1}, {0x2000, 8, 1 << 60}})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	p.close()
}

func TestDraw(t *testing.T) {
	for share, want := range map[float64]int{1: draws, 0.5: draws / 2, 0.1: 6554, 0.00001: 1} {
		if n := bytes.Count(draw(share, 7), []byte{1}); n != want {
			t.Errorf("share %v: %d of %d, want %d", share, n, draws, want)
		}
	}
	if !bytes.Equal(draw(0.3, 7), draw(0.3, 7)) || bytes.Equal(draw(0.3, 7), draw(0.3, 8)) {
		t.Error("the seed does not fix the sequence")
	}
}

// Each text in a row is drawn by its own number.
func TestCount(t *testing.T) {
	root(t)
	var p program
	defer p.close()
	counts, err := p.array(make([]byte, 24))
	if err != nil {
		t.Fatal(err)
	}
	code := append(steps{counts: counts.FD()}.count(8), asm.Mov.Reg(asm.R0, asm.R2), asm.Return())
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: code, License: "Dual MIT/GPL"})
	if err != nil {
		t.Fatal(err)
	}
	defer prog.Close()
	for want := range uint32(5) {
		if got, _, err := prog.Test(make([]byte, 64)); err != nil || got != want {
			t.Errorf("%d, %v; want %d", got, err, want)
		}
	}
}
