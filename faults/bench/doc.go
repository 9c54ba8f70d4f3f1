// Command bench measures the fault library on this machine, with a real engine, and
// prints Markdown: how long a fault takes to come and to go, how exact it is, and what it
// costs those it concerns and those it does not. What is compared is measured in turns,
// in one run: with no agent at all, with Toxiproxy, and with the least that entering a
// namespace, running a command in a container or starting one takes.
//
// It is started by scripts/bench, which builds it and Toxiproxy. It sends packets only
// between containers of its own, and removes them when it ends, by a signal as well.
package main
