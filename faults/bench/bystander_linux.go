package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
)

// measureBystander sends to somebody whom the fault does not concern.
func measureBystander(ctx context.Context, w *world) error {
	const turns = 10
	each := max(w.count(10000)/turns, 10)
	n := turns * each
	to := netip.AddrPortFrom(w.bystander, portEcho)
	peer := faults.Peer{Addresses: []string{w.peer.String()}}
	rows := [][]string{{"state", "sent", "lost", "round trip: p50 / p99, us", "change of p50, us: median of the rounds (least to greatest)"}}
	var without series
	lostWithout := 0
	type with struct {
		name  string
		f     faults.Fault
		all   series
		lost  int
		moves []float64
	}
	list := []*with{
		{name: "50 ms for the peer", f: faults.Latency{Delay: 50 * time.Millisecond, Peer: peer}},
		{name: "30 % lost for the peer", f: faults.PacketLoss{Percent: 30, Peer: peer}},
	}
	measure := func() (series, int, error) {
		all, _, err := stream(ctx, w.pid, to, each, 200*time.Microsecond, patience)
		s, missing := back(all)
		return s, missing, err
	}
	err := w.with(ctx, func(a *agent.Agent) error {
		for range turns {
			s, missing, err := measure()
			if err != nil {
				return err
			}
			without, lostWithout = append(without, s...), lostWithout+missing
			for _, x := range list {
				err := w.faulted(ctx, a, x.f, "", func(*agent.Injection) error {
					got, missing, err := measure()
					x.all, x.lost = append(x.all, got...), x.lost+missing
					x.moves = append(x.moves, float64(got.p50()-s.p50())/1e3)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows = append(rows, []string{"no fault", fmt.Sprint(n), fmt.Sprint(lostWithout), us(without.p50()) + " / " + us(without.p99()), ""})
	for _, x := range list {
		mid, least, most := middle(x.moves)
		rows = append(rows, []string{x.name, fmt.Sprint(n), fmt.Sprint(x.lost), us(x.all.p50()) + " / " + us(x.all.p99()), fmt.Sprintf("%+.0f (%+.0f to %+.0f)", mid, least, most)})
		w.figure(8, x.name, judge(x.lost == 0 && math.Abs(mid) <= 100), "%d of %d lost, %+.0f us (p50, median of %d rounds)", x.lost, n, mid, turns)
	}
	missing, sent, times, err := w.whileInjecting(ctx, to, n)
	if err != nil {
		return err
	}
	rows = append(rows, []string{fmt.Sprintf("while a delay for the peer comes and goes %d times", times), fmt.Sprint(sent), fmt.Sprint(missing), "", ""})
	w.figure(8, "while a fault comes and goes", judge(missing == 0), "%d of %d lost, %d injections", missing, sent, times)
	w.table("Bystanders", "Datagrams to a container that no fault concerns, in turns without and with a fault for another.", rows...)
	return nil
}

// whileInjecting sends to a bystander while a fault is put in place and taken away.
func (w *world) whileInjecting(ctx context.Context, to netip.AddrPort, n int) (missing, sent, times int, err error) {
	type result struct {
		all []packet
		err error
	}
	done := make(chan result, 1)
	err = w.with(ctx, func(a *agent.Agent) error {
		go func() {
			all, _, err := stream(ctx, w.pid, to, n, time.Millisecond/2, patience)
			done <- result{all, err}
		}()
		for {
			times++
			if err := w.faulted(ctx, a, w.latency(time.Millisecond, w.peer, ""), "", func(*agent.Injection) error { return nil }); err != nil {
				<-done
				return err
			}
			select {
			case r := <-done:
				sent = len(r.all)
				_, missing = back(r.all)
				return r.err
			default:
			}
		}
	})
	return missing, sent, times, err
}
