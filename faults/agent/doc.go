// Package agent carries faults into running containers and proves that they
// are felt.
//
// Two halves speak newline-delimited JSON with each other over a pipe:
//
//   - [Serve] is the privileged half, the body of the hidden command
//     `faultlab agent`. It enters a target's network namespace through
//     /proc/PID/ns/net and programs the kernel with netlink.
//   - [Client] is the other half; [Start] runs the privileged half in a
//     container and gives an [Agent] that follows targets through restarts.
//
// # Back-ends
//
// A fault on packets is carried by the first of these that the kernel has and
// that can do what the fault asks:
//
//   - netem: the kernel's own emulator. A queueing discipline sees only what a device
//     sends, so what arrives at the target is redirected to an IFB, one for each
//     interface, that gives it back through a netem of its own. netem cannot repeat a
//     sequence, count losses exactly or follow two patterns of bursts for one peer;
//     what asks for that goes to the queue, and so do arrivals where IFBs are missing or
//     their module is not loaded: loading it makes devices in the host's network.
//     Rates are limited by sch_tbf behind it, which counts the headers of Ethernet as well;
//     what its bands cannot do together (one rate for several, copies beside other bands,
//     an order beside a delay) goes to the queue too. It looks for interfaces every
//     second, and those that came later get its effects as well.
//   - queue: an nftables rule hands matching packets to the agent (NFQUEUE with
//     the bypass flag), which delays, drops, damages and doubles them. A packet is
//     damaged behind its IP header, by a verdict with other bytes; a copy is sent by a
//     raw socket, marked so that the rules let it pass, and over loopback if it arrived.
//     To the kernel, what waits on its way out is not sent yet, and it lets a TCP
//     connection have only little of that: two packets, where the delay is long. So of
//     data of TCP that a delay of more than 2 ms holds back, a copy waits in the agent:
//     the packet itself is dropped, which its socket is not told, and the window grows as
//     on a long link. A copy leaves by the same device, from the same address, but is the
//     agent's and not its socket's to rules that ask for an owner, and has the agent's
//     mark; what has a mark of its own, and what is more than 32 MiB, waits itself. One
//     core of an agent sends some 50 MB/s of copies. Datagrams that wait fill the send
//     buffer of their socket.
//
// A fault that ends traffic (black-hole, reject, partition) is carried by rules of
// nftables that drop or refuse in the kernel (nft), right behind the queue's. What the
// target sends passes the queue before, where there is one: dropped under its sender's
// hands a packet would fail with EPERM, which no network answers. Connections are reset
// by the queue.
//
// Faults on calls are carried by a proxy in the target's network namespace, which
// nftables hands new connections to: tproxy in front of a port of the target, NAT at its
// output in front of what it calls. See package dependency. What the target calls meets
// the queue on its way to the proxy, and what the proxy sends on for it does not again;
// netem sees only the latter.
//
// Peers by name are looked up in the target's network with its own resolv.conf and hosts
// file, and followed while the fault is active; the entry's notes tell of changes.
//
// A port of the target's own is proved by SYNs from that port, each to a port of the
// peer's above those that the kernel gives out; what refuses them there answers.
//
// A back-end that is missing is a typed error that says what to do about it.
//
// # What holds
//
// A fault is active only after a probe on the data path measured its effect,
// and reverted only after a probe saw it gone. When the input of the agent
// ends, everything is reverted. When the agent is killed, the kernel removes
// the rules of the queue by itself, because their table belongs to a socket of
// the agent; what waits in it or as a copy is lost, which TCP makes good. netem's trees
// and IFBs are removed by the keeper, and if that was killed as well by the next agent or
// a sweep. A client that is killed before its agent runs leaves no container either: a
// guard, which outlives it for some
// seconds, has it removed (see engine.Guard). Every fault ends after its time
// to live. Loopback is never touched, and neither is anything of others: a
// foreign queueing discipline is a refusal, and so is one where packets arrive
// (ingress, clsact).
//
// Several faults on one target are put back after its restart in the order they were
// asked for, so that each can be proved as it was at first. One that is taken away from
// behind another, where no probe gets, is reverted with a reason that says so.
//
// # Adding a fault
//
// See package faults; here effect.go turns a fault into what happens to a
// packet, from which rules, expectations and proofs follow.
package agent
