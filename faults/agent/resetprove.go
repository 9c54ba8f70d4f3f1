package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// proveResets opens a connection to a port that is named and listens, and sends
// segments that belong to no connection: what the target sends is reset either way.
func (f *cutFault) proveResets(ctx context.Context) (*Measurement, error) {
	list, err := f.addresses(true)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, &Error{Code: NoProbe, Message: "no address to probe: none known that the fault concerns", Remedy: "name probe addresses inside the peer"}
	}
	m := &Measurement{Method: "tcp", LossBand: [2]float64{0, 100}}
	named := false
	for _, to := range list {
		if f.effect.match.port != 0 {
			to.port = f.effect.match.port
		}
		if to.port == 0 || f.effect.match.local != 0 { // the target's own port is its server's
			continue
		}
		named = true
		saw, err := f.connectionReset(ctx, to)
		if err != nil {
			return nil, err
		}
		if saw != "" {
			m.Address, m.Saw, m.Probes = to.String(), saw, 1
			break
		}
	}
	if f.effect.out != nil {
		_, to, err := methodFor(f.effect.match, endpoint{addr: list[0].addr}) // nothing needs to listen
		if err != nil {
			return nil, err
		}
		run := probeRun{to: to, count: cutProbes, interval: cutInterval, wait: time.Second}
		res, err := f.space.resets(ctx, run)
		if err != nil {
			return nil, err
		}
		if len(res.rtts) == 0 {
			return m, errorf(Unproved, "none of %d data segments to %s was reset", res.sent, to)
		}
		f.routes = []route{{method: methodSYN, to: to}}
		if m.Saw == "" {
			m.Address = to.String()
		} else {
			m.Saw += "; "
		}
		m.Saw += fmt.Sprintf("%d of %d data segments to %s were reset", len(res.rtts), res.sent, to)
		m.Probes += res.sent
		return m, nil
	}
	if m.Saw != "" {
		return m, nil
	}
	why := &Error{Code: NoProbe, Message: "no data of the peer's to reset: no connection to it was answered with any",
		Remedy: "name the port of a service that answers, as the peer's or in a probe address such as 10.0.0.7:80, or use direction both"}
	if !named {
		why.Message = "no data of the peer's to reset: no port is named"
	}
	return nil, why
}

// connectionReset connects and waits for a reset at the first data, whoever sends it.
// It says nothing when nobody listens, or nobody sent any data that the fault concerns.
func (f *cutFault) connectionReset(ctx context.Context, to endpoint) (string, error) {
	dialCtx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := f.space.dial(dialCtx, "tcp", net.JoinHostPort(to.addr.String(), strconv.Itoa(int(to.port))))
	if errors.Is(err, syscall.ECONNRESET) {
		// Not refused: it was made, and reset before we were told.
		return fmt.Sprintf("a connection to %s was reset at the peer's first data", to), nil
	}
	if err != nil {
		return "", ctx.Err()
	}
	defer c.Close()
	wait := time.Second + 2*expect(f.space.effects(), to, "tcp").delay
	if f.effect.out == nil {
		// One that speaks first is reset by that; one that does not, by its answer.
		_ = c.SetReadDeadline(time.Now().Add(wait / 3))
		if _, err = c.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNRESET) {
			return fmt.Sprintf("a connection to %s was reset at the peer's first data", to), nil
		}
	}
	_, _ = c.Write([]byte("\r\n\r\n"))
	_ = c.SetReadDeadline(time.Now().Add(wait))
	_, err = c.Read(make([]byte, 1))
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("a connection to %s was reset at its first data", to), nil
	case f.effect.out != nil:
		return "", errorf(Unproved, "a connection to %s was not reset at its first data: %v", to, err)
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF):
		return "", ctx.Err()
	}
	return "", err
}

// proveNoResets sends data segments again: only resets of the fault's own count.
func (f *cutFault) proveNoResets(ctx context.Context) error {
	if len(f.routes) == 0 {
		return errorf(Unmeasurable, "not measured again: only the peer's data was reset")
	}
	r := f.routes[0]
	res, err := f.space.resets(ctx, probeRun{to: r.to, count: cutProbes, interval: cutInterval, wait: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	if len(res.rtts) == 0 {
		f.See(&Measurement{Method: "tcp", Address: r.to.String(), Probes: res.sent, Lost: res.sent,
			Saw: fmt.Sprintf("none of %d data segments to %s was reset", res.sent, r.to)})
		return nil
	}
	for _, e := range f.space.effects() {
		if e.cut == cutReset && e.match.matches(r.to, "tcp") {
			return hidden(r.to)
		}
	}
	return errorf(Unproved, "%d of %d data segments to %s are still reset", len(res.rtts), res.sent, r.to)
}
