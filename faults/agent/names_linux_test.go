package agent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
)

// mountFiles gives this process a resolv.conf and a hosts file of its own.
func mountFiles(dir string) error {
	if dir == "" {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, name := range []string{"resolv.conf", "hosts"} {
		to, err := filepath.EvalSymlinks("/etc/" + name)
		if err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join(dir, name), to, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// zone is a name server in the peer.
type zone struct {
	mu    sync.Mutex
	names map[string][]netip.Addr
	mute  bool
}

func (z *zone) set(name string, addrs ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names[name] = nil
	for _, a := range addrs {
		z.names[name] = append(z.names[name], netip.MustParseAddr(a))
	}
}

func (z *zone) silence(mute bool) { z.mu.Lock(); z.mute = mute; z.mu.Unlock() }

func (z *zone) answer(q []byte) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	var p dnsmessage.Parser
	h, err := p.Start(q)
	if err != nil || z.mute {
		return nil
	}
	question, err := p.Question()
	if err != nil {
		return nil
	}
	addrs, known := z.names[strings.TrimSuffix(question.Name.String(), ".")]
	code := dnsmessage.RCodeSuccess
	if !known {
		code = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true, RCode: code, RecursionAvailable: true})
	b.StartQuestions()
	b.Question(question)
	b.StartAnswers()
	for _, a := range addrs {
		r := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET}
		switch {
		case a.Is4() && question.Type == dnsmessage.TypeA:
			b.AResource(r, dnsmessage.AResource{A: a.As4()})
		case a.Is6() && question.Type == dnsmessage.TypeAAAA:
			b.AAAAResource(r, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	out, _ := b.Finish()
	return out
}

// serveZone answers for a zone at an address of the peer's.
func (l *testLab) serveZone(z *zone, addr string) {
	l.t.Helper()
	var c net.PacketConn
	must(l.t, inNamespace(l.peer, func() (err error) { c, err = net.ListenPacket("udp", addr+":53"); return err }))
	l.t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if a := z.answer(buf[:n]); a != nil {
				c.WriteTo(a, from)
			}
		}
	}()
}

// nameServer serves a zone at the peer's far address, and makes the target ask it.
func (l *testLab) nameServer() *zone {
	l.t.Helper()
	z := &zone{names: map[string][]netip.Addr{}}
	l.serveZone(z, farAddr)
	dir := l.t.TempDir()
	must(l.t, os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("search shop.internal\nnameserver "+farAddr+"\noptions ndots:1\n"), 0o644))
	must(l.t, os.WriteFile(filepath.Join(dir, "hosts"), []byte("127.0.0.1 localhost\n"+bystanderAddr+" cache # the other\n"), 0o644))
	l.proc.Process.Kill()
	l.proc.Wait()
	l.proc = exec.Command(os.Args[0])
	l.proc.Env = append(os.Environ(), roleEnv+"=target", "FAULTLAB_TEST_ETC="+dir)
	l.proc.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	must(l.t, inNamespace(l.target, l.proc.Start))
	p := l.proc
	l.t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	for range 1000 {
		if text, _ := targetFile(p.Process.Pid, "etc/resolv.conf"); strings.Contains(text, farAddr) {
			if text, _ = targetFile(p.Process.Pid, "etc/hosts"); strings.Contains(text, "cache") {
				return z
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.t.Fatal("the target has not its own resolv.conf")
	return nil
}

func noProbes(r *InjectRequest) { r.Probes = nil }

func TestNames(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		z := l.nameServer()
		z.set("db.shop.internal", peerAddr, peer6Addr)
		a := startAgent(t, backend)
		const delay = 30 * time.Millisecond
		late := func(to string) bool { return quickest(l.ping(to, 5, time.Millisecond, time.Second)) >= delay }
		e := a.put(t, l, "latency", `{"delay":"30ms","peer":{"names":["db"]}}`, noProbes)
		if !late(peerAddr) || late(bystanderAddr) {
			t.Errorf("peer late: %v, bystander late: %v", late(peerAddr), late(bystanderAddr))
		}
		if len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "peer name db is "+peerAddr+", "+peer6Addr) {
			t.Errorf("notes %q", e.Notes)
		}
		status := func() Entry {
			list, err := a.Status(t.Context())
			must(t, err)
			return list[len(list)-1]
		}
		until := func(what string, ok func() bool) {
			t.Helper()
			for end := time.Now().Add(8 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("not within 8 s: %s; notes %q", what, status().Notes)
				}
			}
		}
		// One stays and one comes: what stays is late all the time.
		z.set("db.shop.internal", peerAddr, bystanderAddr)
		moved := time.Now()
		rtts := make(chan []time.Duration)
		go func() { rtts <- l.ping(peerAddr, 500, 4*time.Millisecond, time.Second) }()
		until("the new address is late", func() bool { return late(bystanderAddr) })
		t.Logf("followed after %v", time.Since(moved).Round(time.Millisecond))
		if got := <-rtts; len(got) != 500 || slices.Min(got) < delay {
			t.Errorf("%d of 500 answered, the quickest after %v, while the name changed", len(got), quickest(got))
		}
		z.set("db.shop.internal", bystanderAddr)
		until("the old address is left alone", func() bool { return !late(peerAddr) })
		z.silence(true)
		until("the silence is on record", func() bool { return strings.Contains(strings.Join(status().Notes, "\n"), "its addresses stay") })
		if !late(bystanderAddr) {
			t.Error("the fault ended when the name server fell silent")
		}
		z.silence(false)
		until("that it resolves again is on record", func() bool { return strings.Contains(strings.Join(status().Notes, "\n"), "resolves again") })
		got := a.take(t, e.ID)
		if !strings.Contains(strings.Join(got.Notes, "\n"), "is "+bystanderAddr+" now; it was ") {
			t.Errorf("notes %q", got.Notes)
		}
		if late(bystanderAddr) {
			t.Error("late after revert")
		}
	})
}

func TestNamesOfCuts(t *testing.T) {
	cutting(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		z := l.nameServer()
		z.set("db.shop.internal", peerAddr)
		a := startAgent(t, backend)
		answers := func(to string) bool { return len(l.ping(to, 3, time.Millisecond, 150*time.Millisecond)) > 0 }
		e := a.put(t, l, "black-hole", `{"peer":{"names":["db.shop.internal"]}}`, noProbes)
		hosts := a.put(t, l, "partition", `{"peer":{"names":["cache"]}}`, func(r *InjectRequest) { r.Probes = []string{bystanderAddr, farAddr} }) // of the hosts file
		if answers(peerAddr) || answers(bystanderAddr) || !answers(farAddr) {
			t.Error("the peers by name are not cut off, or others are")
		}
		a.take(t, hosts.ID)
		z.set("db.shop.internal", bystanderAddr)
		for end := time.Now().Add(5 * time.Second); answers(bystanderAddr) || !answers(peerAddr); {
			if time.Now().After(end) {
				t.Fatal("the black hole does not follow")
			}
		}
		if got := a.take(t, e.ID); got.Packets.Dropped < 8 {
			t.Errorf("counted %+v", got.Packets)
		}
	})
}

func TestNamesRefused(t *testing.T) {
	l := newLab(t)
	clean(t, l)
	z := l.nameServer()
	z.set("self.shop.internal", "127.0.0.1")
	z.set("empty.shop.internal")
	a := startAgent(t, "")
	for name, want := range map[string]string{
		"nobody": "does not resolve", "nobody.example.": farAddr + ":53 knows no such name",
		"localhost": "other than loopback", "self": "other than loopback", "empty": "does not resolve",
	} {
		if _, err := a.try(t, l, "latency", `{"delay":"5ms","peer":{"names":["`+name+`"]}}`, noProbes); !errors.Is(err, &Error{Code: BadRequest}) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	z.silence(true)
	if _, err := a.try(t, l, "latency", `{"delay":"5ms","peer":{"names":["db."]}}`, noProbes); !errors.Is(err, &Error{Code: Failed}) || !strings.Contains(err.Error(), "do not answer") {
		t.Errorf("a silent name server: %v", err)
	}
}

func TestResolverReads(t *testing.T) {
	r := &resolver{target: carrier.Target{}}
	r.parse("# of the engine\nnameserver 127.0.0.11\nnameserver fd00::53 ; two\nsearch a.example b.example.\noptions edns0 ndots:2\n")
	if !slices.Equal(r.servers, []string{"127.0.0.11:53", "[fd00::53]:53"}) {
		t.Errorf("servers %q", r.servers)
	}
	for name, want := range map[string][]string{
		"db":   {"db.a.example.", "db.b.example.", "db."},
		"a.b":  {"a.b.a.example.", "a.b.b.example.", "a.b."},
		"a.b.": {"a.b."}, "a.b.c": {"a.b.c.", "a.b.c.a.example.", "a.b.c.b.example."},
	} {
		if got := r.candidates(name); !slices.Equal(got, want) {
			t.Errorf("%s may be %q, want %q", name, got, want)
		}
	}
	hosts := parseHosts("10.0.0.1 DB db.x # one\nfd00::1 db\nrubbish db\n\n")
	want := map[string][]netip.Addr{"db": {netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, "db.x": {netip.MustParseAddr("10.0.0.1")}}
	if !reflect.DeepEqual(hosts, want) {
		t.Errorf("hosts %v", hosts)
	}
	r = &resolver{}
	r.parse("")
	if !slices.Equal(r.servers, []string{"127.0.0.1:53"}) || r.ndots != 1 {
		t.Errorf("without any: %q", r.servers)
	}
}
