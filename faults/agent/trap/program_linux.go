package trap

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// draws is how many texts in a row are drawn before the sequence begins again.
const draws = 1 << 16

// firstArgument is where the registers at a breakpoint have the function's first
// argument: struct pt_regs of the kernel's user interface.
var firstArgument = map[string]int16{"amd64": 112, "arm64": 0}

// cell is a place in a process's memory and what it holds where it is meant.
type cell struct {
	address uint64
	size    int32 // 4 or 8
	value   uint64
}

// program is what runs at the breakpoint, with its maps.
type program struct {
	prog   *ebpf.Program
	events *ebpf.Map // what is stopped: process and time, 16 bytes
	always *ebpf.Map // the process that is not drawn, one number of 8 bytes
	counts *ebpf.Map // 3 numbers of 8 bytes: fitted, drawn, stopped
	maps   []*ebpf.Map
}

func (p *program) close() {
	if p.prog != nil {
		_ = p.prog.Close()
	}
	for _, m := range p.maps {
		_ = m.Close()
	}
}

// array makes a map with one value.
func (p *program) array(value []byte) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(value)), MaxEntries: 1})
	if err != nil {
		return nil, err
	}
	p.maps = append(p.maps, m)
	return m, m.Put(uint32(0), value)
}

// load hands the program to the kernel.
func load(w Where, x What, a *automaton, cells []cell) (p *program, err error) {
	register, ok := firstArgument[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("no breakpoints on %s", runtime.GOARCH)
	}
	p = &program{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	table, err := p.array(a.table[:])
	if err != nil {
		return nil, err
	}
	drawn, err := p.array(draw(x.Share, x.Seed))
	if err != nil {
		return nil, err
	}
	if p.counts, err = p.array(make([]byte, 24)); err != nil {
		return nil, err
	}
	if p.always, err = p.array(binary.NativeEndian.AppendUint64(nil, uint64(w.Always))); err != nil {
		return nil, err
	}
	if p.events, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 16}); err != nil {
		return nil, err
	}
	p.maps = append(p.maps, p.events)
	code := steps{register: register, where: w, cells: cells, start: a.start, table: table.FD(), draws: drawn.FD(), counts: p.counts.FD(), always: p.always.FD(), events: p.events.FD()}
	p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "trap", Type: ebpf.Kprobe, Instructions: code.all(), License: "Dual MIT/GPL"})
	return p, err
}

// draw fixes which of the texts in a row stop the process: a share that is exact over
// the whole row, in an order that the seed gives.
func draw(share float64, seed uint64) []byte {
	out := make([]byte, draws)
	for i := range int(math.Round(share * draws)) {
		out[i] = 1
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(draws, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// steps writes the program.
type steps struct {
	register                             int16
	where                                Where
	cells                                []cell
	start                                byte
	table, draws, counts, always, events int
}

// The program's stack, from its top down: what the loop over the text works on, and a
// place for what is read.
const (
	window  = 64         // bytes of the text that are read at once
	loop    = -(16 + 72) // address, state, window with its zero
	scratch = loop - 8   // one number
	windowR = window + 1 // what a read writes at most
	failed  = "done"     // where to go when nothing is to be stopped
	looking = "look"     // the loop's body
	holding = "hold"     // where the process is stopped
	nothing = "let go"   // where what was reserved is given back
)

func (s steps) all() asm.Instructions {
	p := asm.Instructions{btf.WithFuncMetadata(asm.Mov.Reg(asm.R6, asm.R1).WithSymbol("trap"), function("trap", btf.GlobalFunc, "ctx"))}
	p = append(p, asm.LoadMem(asm.R7, asm.R6, s.register, asm.DWord))
	for _, c := range s.cells {
		size := asm.Word
		if c.size == 8 {
			size = asm.DWord
		}
		p = append(p, s.read(c.size, asm.LoadImm(asm.R3, int64(c.address), asm.DWord))...)
		p = append(p, asm.LoadMem(asm.R1, asm.RFP, scratch, size), asm.LoadImm(asm.R2, int64(c.value), asm.DWord), asm.JNE.Reg(asm.R1, asm.R2, failed))
	}
	p = append(p, s.read(1, asm.Mov.Reg(asm.R3, asm.R7), asm.Add.Imm(asm.R3, int32(s.where.Unless)))...)
	p = append(p, asm.LoadMem(asm.R1, asm.RFP, scratch, asm.Byte), asm.JNE.Imm(asm.R1, 0, failed))
	p = append(p, s.read(8, asm.Mov.Reg(asm.R3, asm.R7), asm.Add.Imm(asm.R3, int32(s.where.Text)))...)
	p = append(p, asm.LoadMem(asm.R1, asm.RFP, scratch, asm.DWord), asm.StoreMem(asm.RFP, loop, asm.R1, asm.DWord))
	p = append(p, asm.Mov.Imm(asm.R1, int32(s.start)), asm.StoreMem(asm.RFP, loop+8, asm.R1, asm.DWord), asm.Mov.Imm(asm.R1, 0))
	for at := int16(loop + 16); at < 0; at += 8 {
		p = append(p, asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord))
	}
	p = append(p,
		asm.Mov.Imm(asm.R1, longest),
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference(looking),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, loop), asm.Mov.Imm(asm.R4, 0), asm.FnLoop.Call(),
		asm.LoadMem(asm.R1, asm.RFP, loop+8, asm.DWord), asm.JNE.Imm(asm.R1, accept, failed))
	p = append(p, s.count(0)...)
	p = append(p, asm.FnGetCurrentPidTgid.Call(), asm.Mov.Reg(asm.R8, asm.R0), asm.RSh.Imm(asm.R8, 32),
		asm.LoadMapValue(asm.R1, s.always, 0), asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.JEq.Reg(asm.R8, asm.R1, holding))
	p = append(p, s.count(8)...)
	p = append(p, asm.And.Imm(asm.R2, draws-1), asm.LoadMapValue(asm.R1, s.draws, 0), asm.Add.Reg(asm.R1, asm.R2),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.Byte), asm.JEq.Imm(asm.R1, 0, failed))
	p = append(p, s.hold()...)
	p = append(p, asm.Mov.Imm(asm.R0, 0).WithSymbol(failed), asm.Return())
	return append(p, s.look()...)
}

// read reads so many bytes of the process's memory, from where R3 is made to point, into scratch.
func (s steps) read(size int32, from ...asm.Instruction) asm.Instructions {
	p := asm.Instructions{asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.RFP, scratch, asm.R1, asm.DWord), asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, scratch), asm.Mov.Imm(asm.R2, size)}
	return append(append(p, from...), asm.FnProbeReadUser.Call(), asm.JNE.Imm(asm.R0, 0, failed))
}

// fetch is BPF_FETCH, which the library (v0.22.0) drops where it is in the operation alone.
const fetch = 1

// count adds one to a number of the counts, and leaves what it was in R2.
func (s steps) count(at uint32) asm.Instructions {
	add := asm.FetchAdd.Mem(asm.R1, asm.R2, asm.DWord, 0)
	add.Constant = fetch
	return asm.Instructions{asm.LoadMapValue(asm.R1, s.counts, at), asm.Mov.Imm(asm.R2, 1), add}
}

// hold stops the process, whose number is in R8. It is told to the agent only after the
// signal is on its way, and not stopped if it cannot be told. The process itself goes
// on to its breakpoint's end before it stops, so that the order cannot be seen there.
func (s steps) hold() asm.Instructions {
	p := asm.Instructions{
		asm.FnKtimeGetNs.Call().WithSymbol(holding), asm.Mov.Reg(asm.R9, asm.R0),
		asm.LoadMapPtr(asm.R1, s.events), asm.Mov.Imm(asm.R2, 16), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, failed), asm.Mov.Reg(asm.R7, asm.R0),
		asm.StoreMem(asm.R7, 0, asm.R8, asm.DWord), asm.StoreMem(asm.R7, 8, asm.R9, asm.DWord),
		asm.Mov.Imm(asm.R1, int32(unix.SIGSTOP)), asm.FnSendSignal.Call(), asm.JNE.Imm(asm.R0, 0, nothing),
		asm.Mov.Reg(asm.R1, asm.R7), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call()}
	p = append(p, s.count(16)...)
	return append(p, asm.Ja.Label(failed),
		asm.Mov.Reg(asm.R1, asm.R7).WithSymbol(nothing), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufDiscard.Call())
}

// look is one turn of the loop over the text: R1 is its number, R2 what it works on.
// It ends the loop at the text's end, and where the pattern was found.
func (s steps) look() asm.Instructions {
	const end, have = "end", "have"
	return asm.Instructions{
		btf.WithFuncMetadata(asm.Mov.Reg(asm.R6, asm.R1).WithSymbol(looking), function(looking, btf.StaticFunc, "i", "at")),
		asm.Mov.Reg(asm.R7, asm.R2), asm.Mov.Reg(asm.R8, asm.R6), asm.And.Imm(asm.R8, window-1), asm.JNE.Imm(asm.R8, 0, have),
		asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, 16), asm.Mov.Imm(asm.R2, windowR),
		asm.LoadMem(asm.R3, asm.R7, 0, asm.DWord), asm.Add.Reg(asm.R3, asm.R6), asm.FnProbeReadUserStr.Call(),
		asm.JSLE.Imm(asm.R0, 0, end),
		asm.Mov.Reg(asm.R1, asm.R7).WithSymbol(have), asm.Add.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R1, 16, asm.Byte),
		asm.JEq.Imm(asm.R2, 0, end),
		asm.LoadMem(asm.R3, asm.R7, 8, asm.DWord), asm.And.Imm(asm.R3, states-1), asm.LSh.Imm(asm.R3, 8), asm.Add.Reg(asm.R3, asm.R2),
		asm.LoadMapValue(asm.R1, s.table, 0), asm.Add.Reg(asm.R1, asm.R3), asm.LoadMem(asm.R3, asm.R1, 0, asm.Byte),
		asm.StoreMem(asm.R7, 8, asm.R3, asm.DWord), asm.JEq.Imm(asm.R3, accept, end),
		asm.Mov.Imm(asm.R0, 0), asm.Return(),
		asm.Mov.Imm(asm.R0, 1).WithSymbol(end), asm.Return(),
	}
}

// function describes a function to the kernel, which wants that of one it calls back.
func function(name string, linkage btf.FuncLinkage, params ...string) *btf.Func {
	number := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	proto := &btf.FuncProto{Return: number}
	for _, p := range params {
		proto.Params = append(proto.Params, btf.FuncParam{Name: p, Type: number})
	}
	return &btf.Func{Name: name, Type: proto, Linkage: linkage}
}
