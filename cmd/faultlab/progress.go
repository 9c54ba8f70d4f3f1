package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"faultlab/labs/control"
)

// shower shows the progress of phases: bars on a terminal, plain lines elsewhere.
type shower struct {
	out   io.Writer
	bars  *mpb.Progress
	phase string
	bar   *mpb.Bar
	text  *atomic.Value // of the bar that runs; each bar keeps its own
	last  string
}

func newShower(out io.Writer) *shower {
	s := &shower{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40))
	}
	return s
}

func (s *shower) show(p control.Progress) {
	if s.bars == nil {
		if line := fmt.Sprintf("%s: %s", p.Phase, p.Text); line != s.last && p.Text != "" {
			fmt.Fprintln(s.out, line)
			s.last = line
		}
		return
	}
	if p.Phase != s.phase {
		s.finish()
		text := &atomic.Value{}
		s.phase, s.text = p.Phase, text
		s.bar = s.bars.New(0, mpb.BarStyle().Rbound("|").Lbound("|").Filler("█").Tip("█").Padding("·"),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-11s", p.Phase))),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_MMSS, decor.WC{W: 6}), decor.Any(func(decor.Statistics) string { return fmt.Sprint("  ", text.Load()) })))
	}
	s.text.Store(p.Text)
	s.bar.SetTotal(int64(max(p.Of, 1)), false)
	s.bar.SetCurrent(int64(p.Done))
}

// finish completes the bar of the phase that has ended.
func (s *shower) finish() {
	if s.bar != nil {
		s.bar.SetTotal(-1, true)
		s.bar = nil
	}
}

// close ends all output; after an error the bar stays where it was.
func (s *shower) close(err error) {
	if s.bars == nil {
		return
	}
	if err != nil && s.bar != nil {
		s.bar.Abort(false)
		s.bar = nil
	}
	s.finish()
	s.bars.Wait()
}
