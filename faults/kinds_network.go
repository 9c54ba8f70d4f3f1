package faults

var (
	directionParam = Param{"direction", "string", "", "out", "out, in, both", "which way packets go, seen from the target"}
	addressesParam = Param{"peer.addresses", "list", "", "all but loopback", "up to 64 IP addresses or CIDR prefixes", "who is at the other end of the traffic concerned"}
	portParam      = Param{"peer.port", "integer", "", "0 (any)", "1 to 65535", "the port at the other end"}
	localPortParam = Param{"peer.local_port", "integer", "", "0 (any)", "1 to 65535, without a peer.port", "the port at the target's own end, such as the one it serves on; of TCP"}
	protocolParam  = Param{"peer.protocol", "string", "", "any", "tcp, udp, icmp", "the protocol concerned; udp is proved by a DNS query alone, so that somebody concerned must answer at port 53, and no other peer.port will do"}
	packetBackends = []string{"netem", "queue"}
)

// networkKinds are the faults on packets.
var networkKinds = []KindInfo{
	{
		Kind: "latency", Family: "network", Does: "packets arrive later", Backends: packetBackends,
		Params: []Param{
			{"delay", "duration", "time", "", "above 0, up to 10s", "added to each packet"},
			{"jitter", "duration", "time", "0s", "0 up to the delay", "spreads the delay around its value"},
			{"distribution", "string", "", "uniform", "uniform, normal, pareto, paretonormal", "of the jitter: uniform goes up to it both ways, the others take it as the standard deviation; nothing is earlier than at once"},
			directionParam,
			{"rtt", "bool", "", "false", "true, false", "take the delay as added to a round trip; with direction both half goes each way"},
			{"thrifty", "bool", "", "false", "true, false", "save work on kernels without netem: TCP's bare acknowledgements may pass at once"},
			addressesParam, namesParam, portParam, localPortParam, protocolParam,
		},
		Sees:   "every request over the link takes longer by the delay, times the calls it makes in a row; load and errors stay flat",
		decode: decodeAs[Latency], example: map[string]string{"delay": "200ms"},
	},
	{
		Kind: "loss", Family: "network", Does: "a share of the packets is dropped", Backends: packetBackends,
		Params: []Param{
			{"percent", "number", "percent", "", "above 0, up to 100", "share of the packets that are dropped"},
			{"burst", "number", "packets", "0 (single losses)", "1/(1 - percent/100) up to 50", "how many are dropped in a row on average, by Gilbert's model: in a burst every packet, outside none"},
			{"exact", "bool", "", "false", "true, false", "drop the share of every 1000 packets to the packet; it needs the queue"},
			directionParam,
			addressesParam, namesParam, portParam, localPortParam, protocolParam,
			{"seed", "integer", "", "0 (chosen and recorded)", "0 to 18446744073709551615", "fixes which packets are dropped; a seed needs the queue"},
		},
		Sees:   "some requests stall for 200 ms, 400 ms, 1 s and then succeed; retransmissions rise; the median and the error rate hardly move",
		decode: decodeAs[PacketLoss], example: map[string]string{"percent": "5"},
	},
}
