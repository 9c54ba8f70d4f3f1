package faults

// ofPackets are the parameters that the faults on a share of the packets end with.
var ofPackets = []Param{
	directionParam, addressesParam, namesParam, portParam, localPortParam, protocolParam,
	{"seed", "integer", "", "0 (chosen and recorded)", "0 to 18446744073709551615", "fixes which packets are concerned; a seed needs the queue"},
}

func shareParam(doc string) Param {
	return Param{"percent", "number", "percent", "", "above 0, up to 100", doc}
}

// packetKinds are more faults on packets. They are of the network family.
var packetKinds = []KindInfo{
	{
		Kind: "rate", Family: "network", Does: "the link carries only so many bits a second", Backends: packetBackends,
		Params: []Param{
			{"bits_per_second", "integer", "bits per second", "", "8000 to 10000000000", "what the link carries, headers of IP included"},
			{"queue", "duration", "time", "100ms", "1ms to 10s", "the longest a packet waits for its turn; one that would wait longer is dropped"},
			{"direction", "string", "", "out", "out, in, both", "which way packets go, seen from the target; with both each way has the rate to itself"},
			addressesParam, namesParam, portParam, localPortParam, protocolParam,
		},
		Sees:   "small requests are quick, large ones take time in proportion to their size; when the link is full, all over it waits as long as its queue, and packets are lost",
		decode: decodeAs[Rate], example: map[string]string{"bits_per_second": "1000000"},
	},
	{
		Kind: "duplicate", Family: "network", Does: "a share of the packets is sent twice", Backends: packetBackends,
		Params: append([]Param{shareParam("share of the packets that arrive twice")}, ofPackets...),
		Sees:   "messages over UDP are taken twice; TCP hides it but for counters (TCPDSACKRecv) and a lower throughput",
		decode: decodeAs[Duplicate], example: map[string]string{"percent": "5"},
	},
	{
		Kind: "corrupt", Family: "network", Does: "one bit is flipped in a share of the packets", Backends: packetBackends,
		Params: append([]Param{shareParam("share of the packets that are damaged")}, ofPackets...),
		Sees:   "the same stalls as with loss, and the receiver counts wrong checksums (TcpInCsumErrors, UdpInErrors)",
		decode: decodeAs[Corrupt], example: map[string]string{"percent": "5"},
	},
	{
		Kind: "reorder", Family: "network", Does: "a share of the packets overtakes those before them", Backends: packetBackends,
		Params: append([]Param{
			{"percent", "number", "percent", "", "above 0, below 100; with a gap from 2 up to 100", "share of the packets that go at once"},
			{"delay", "duration", "time", "", "above 0, up to 10s", "how long the others are held back"},
			{"gap", "integer", "packets", "1 (all may go ahead)", "1 to 100", "let only each so many-th packet go ahead: after one that did, gap-1 are held back for certain"},
		}, ofPackets...),
		Sees:   "throughput falls and retransmissions rise while nothing is lost (TCPSACKReorder); UDP comes out of order; most round trips are longer by the delay",
		decode: decodeAs[Reorder], example: map[string]string{"percent": "25", "delay": "10ms"},
	},
}
