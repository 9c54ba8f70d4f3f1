// Package stress proves by numbers that the fault library holds: random injections
// that a user of the target has to feel, kills of the agent and of its client at any
// instant, restarts and ends for want of memory in the middle of a fault. It has tests
// only, all on the public interface and on a real engine; scripts/stress runs them at
// full length.
package stress
