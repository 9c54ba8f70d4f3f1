package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/agent/carrier"
)

const lossPace = 100 * time.Microsecond

// measureLoss counts what is lost of numbered packets.
func measureLoss(ctx context.Context, w *world) error {
	n := max(w.count(20), 1) * 1000 // whole blocks: an exact count is of a thousand
	rows := [][]string{{"set, %", "how", "lost", "measured, %", "wanted, %", "", "active after, ms"}}
	peer := netip.AddrPortFrom(w.peer, portEcho)
	all, _, err := stream(ctx, w.pid, peer, n, lossPace, patience)
	if err != nil {
		return err
	}
	_, bare := back(all)
	rows = append(rows, []string{"0", "no fault", fmt.Sprint(bare), share(bare, n), "0", string(judge(bare == 0)), ""})
	right, same, pairs, total := 0, 0, 0, 0
	var low, high series
	err = w.with(ctx, func(a *agent.Agent) error {
		for _, percent := range []float64{1, 10, 30} {
			// one measures a loss and gives which packets came back.
			one := func(how, backend string, exact bool) ([]bool, error) {
				f := faults.PacketLoss{Percent: percent, Exact: exact, Peer: faults.Peer{Addresses: []string{w.peer.String()}}}
				var got []packet
				began := time.Now()
				var active time.Duration
				err := w.faulted(ctx, a, f, backend, func(*agent.Injection) (err error) {
					active = time.Since(began)
					got, _, err = stream(ctx, w.pid, peer, n, lossPace, patience)
					return err
				})
				if err != nil {
					return nil, err
				}
				if percent < 5 {
					low = append(low, active)
				} else {
					high = append(high, active)
				}
				_, missing := back(got)
				lo, hi := carrier.Band(n, percent/100)
				if exact {
					lo, hi = int(math.Ceil(float64(n)*(percent-0.1)/100)), int(float64(n)*(percent+0.1)/100)
				}
				ok := missing >= lo && missing <= hi
				total++
				if ok {
					right++
				}
				rows = append(rows, []string{fmt.Sprint(percent), how, fmt.Sprint(missing), share(missing, n),
					share(lo, n) + " to " + share(hi, n), string(judge(ok)), ms(active)})
				came := make([]bool, len(got))
				for i, p := range got {
					came[i] = p.rtt != lost
				}
				return came, nil
			}
			for _, exact := range []bool{false, true} {
				how := "random, queue"
				if exact {
					how = "exact count, queue"
				}
				first, err := one(how, "queue", exact)
				if err != nil {
					return err
				}
				again, err := one(how+", the same seed", "queue", exact)
				if err != nil {
					return err
				}
				if pairs++; slices.Equal(first, again) {
					same++
				}
			}
			if w.netem {
				if _, err := one("random, netem", "netem", false); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.figure(4, "1, 10 and 30 %", judge(right == total), "%d of %d series of %d packets inside", right, total, n)
	w.figure(4, "the same seed twice", judge(same == pairs), "%d of %d times the same packets were lost, all %d compared", same, pairs, n)
	w.figure(2, "loss of 1 %", judge(low.quantile(1) <= 3*time.Second), "active after at most %s ms (n = %d)", ms(low.quantile(1)), len(low))
	w.figure(2, "losses of 10 and 30 %", judge(high.quantile(1) <= time.Second), "active after at most %s ms (n = %d)", ms(high.quantile(1)), len(high))
	w.table("Losses", fmt.Sprintf("n = %d datagrams for each line, one each %v, echoed. Wanted is the 99.9 %% band of the binomial distribution, "+
		"and for exact counts what was set, give or take 0.1 point.", n, lossPace), rows...)
	return nil
}

// share writes k of n in percent.
func share(k, n int) string { return fmt.Sprintf("%.2f", 100*float64(k)/float64(n)) }
