package faults_test

import (
	"errors"
	"fmt"
	"time"

	"faultlab/faults"
)

// A fault is a plain struct; Validate names the range of what is wrong.
func Example() {
	f := faults.Latency{Delay: 200 * time.Millisecond, Peer: faults.Peer{Port: 5432}}
	fmt.Println(f.Kind(), f.Validate())
	f.Delay = time.Minute
	fmt.Println(f.Validate())
	// Output:
	// latency <nil>
	// delay is 1m0s; want above 0, up to 10s
}

// Parse reads what the command line takes.
func ExampleParse() {
	f, err := faults.Parse("loss", []string{"percent=2.5", "peer.addresses=10.0.0.7,10.1.0.0/16"})
	fmt.Printf("%.1f %v %v\n", f.(faults.PacketLoss).Percent, f.(faults.PacketLoss).Peer.Addresses, err)
	_, err = faults.Parse("loss", []string{"procent=2.5"})
	fmt.Println(err != nil)
	// Output:
	// 2.5 [10.0.0.7 10.1.0.0/16] <nil>
	// true
}

// Decode reads what lab files and the agent's protocol hold.
func ExampleDecode() {
	f, err := faults.Decode("latency", []byte(`{"delay": "50ms", "jitter": "5ms", "direction": "both"}`))
	fmt.Println(f.(faults.Latency).Jitter, err)
	_, err = faults.Decode("lateness", []byte(`{}`))
	fmt.Println(errors.Is(err, faults.ErrUnknownKind))
	// Output:
	// 5ms <nil>
	// true
}
