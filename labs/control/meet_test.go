package control

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"faultlab/faults"
	"faultlab/labs/catalog"
)

// A fault on an uplink is met by what runs in its place, one on a link by one of its
// ends towards the other, wherever things are placed now.
func TestMeetings(t *testing.T) {
	moved := slices.Clone(shopSites)
	for i := range moved {
		if moved[i].id == "web-eu" {
			moved[i].place, moved[i].region = "us-a", "us"
		}
	}
	for _, tt := range []struct {
		fault catalog.Fault
		all   []site
		want  string
	}{
		{catalog.Fault{Uplink: "eu-a"}, shopSites, "web-eu, web-eu-2, nowhere"},
		{catalog.Fault{Uplink: "eu-a"}, moved, "web-eu-2, nowhere"},
		{catalog.Fault{Uplink: "ap-a"}, moved, "web-ap"},
		{catalog.Fault{Uplink: "us-b"}, shopSites, ""},
		{catalog.Fault{Link: "us-eu"}, shopSites, "web-eu to us, web-eu-2 to us"},
		{catalog.Fault{Link: "us-eu"}, moved, "web-eu-2 to us"},
		{catalog.Fault{Link: "us-ap"}, shopSites, "web-ap to us"},
		{catalog.Fault{Link: "eu-ap"}, shopSites, "web-ap to eu"},
		{catalog.Fault{Link: "us-ap"}, shopSites[:5], ""},
	} {
		var got []string
		for _, m := range meetings(tt.fault, tt.all, shopNet) {
			who := m.id
			if m.far.region != "" {
				who += " to " + m.far.region
			}
			got = append(got, who)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s%s: %v; want %s", tt.fault.Uplink, tt.fault.Link, got, tt.want)
		}
	}
}

// What a container has of a fault on a link concerns the link's other end alone.
func TestTowardTheOtherEnd(t *testing.T) {
	f := catalog.Fault{Kind: "loss", Link: "us-ap", Params: map[string]any{"percent": 10}}
	for _, m := range meetings(f, shopSites, shopNet) {
		for _, p := range m.peers {
			got, err := f.Toward(p.peer)
			if loss, ok := got.(faults.PacketLoss); err != nil || !ok || loss.Percent != 10 || !reflect.DeepEqual(loss.Peer, p.peer) {
				t.Errorf("%s: %+v, %v", m.id, got, err)
			}
		}
	}
}
