package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

// measureClient kills who has started an agent, a process of its own.
func measureClient(ctx context.Context, w *world) error {
	n := w.count(25)
	var gone, clean series
	for range n {
		_, g, c, err := w.killed(ctx, w.client)
		if err != nil {
			return err
		}
		gone, clean = append(gone, g), append(clean, c)
	}
	w.figure(6, "kill -9 of the runner", judge(gone.quantile(1) <= 5*time.Second && clean.quantile(1) <= 10*time.Second),
		"effect gone after p50 %s ms, at most %s ms; nothing left after at most %s ms (n = %d)",
		ms(gone.p50()), ms(gone.quantile(1)), ms(clean.quantile(1)), n)
	w.table("The end by kill -9 of who started the agent", fmt.Sprintf("n = %d. It is killed 0 to 50 ms after its fault is active.", n),
		[]string{"what", "p50 / p99 / greatest, ms"},
		[]string{"from the kill to the first free packet", spread(gone)},
		[]string{"from the kill until there is no container, and no table in the target", spread(clean)})
	return nil
}

// client is a runner in a process of its own, whose fault is active.
func (w *world) client(ctx context.Context) (victim, error) {
	self, err := os.Executable()
	if err != nil {
		return victim{}, err
	}
	name := "bench-agent-" + w.id
	cmd := exec.CommandContext(ctx, self, "client", w.id, w.agentImage, name, w.target, w.peer.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return victim{}, err
	}
	if err := cmd.Start(); err != nil {
		return victim{}, err
	}
	v := victim{
		kill:  cmd.Process.Kill,
		close: func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, // tells that it was killed
		gone: func() bool {
			_, err := w.Inspect(ctx, name)
			return engine.IsNotFound(err)
		},
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		v.close()
		return victim{}, fmt.Errorf("the runner has no fault in place: %w", err)
	}
	return v, nil
}

// clientRole is what that process does: one fault, until it is killed.
func clientRole() error {
	if len(os.Args) != 7 {
		return errors.New("client takes a run, an image, a name, a target and a peer")
	}
	ctx := context.Background()
	id, image, name, target, peer := os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	a, err := agent.Start(ctx, agent.Options{Image: image, Name: name, TargetLabel: label + "=" + id, Labels: map[string]string{label: id}})
	if err != nil {
		return err
	}
	if _, err := a.Inject(ctx, target, delayTo(peer), agent.InjectOptions{}); err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	fmt.Println("active")
	select {}
}
