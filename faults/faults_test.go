package faults

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, kind, params string
		want               Fault
		err                string // part of the error's text
	}{
		{"delay", "latency", `{"delay":"50ms"}`, Latency{Delay: 50 * time.Millisecond}, ""},
		{"all of latency", "latency", `{"delay":"80ms","jitter":"5ms","distribution":"normal","direction":"both","rtt":true,"thrifty":true,"peer":{"addresses":["10.0.0.0/24"],"port":5432,"protocol":"tcp"}}`,
			Latency{Delay: 80 * time.Millisecond, Jitter: 5 * time.Millisecond, Distribution: Normal, Direction: Both, RTT: true, Thrifty: true,
				Peer: Peer{Addresses: []string{"10.0.0.0/24"}, Port: 5432, Protocol: "tcp"}}, ""},
		{"loss", "loss", `{"percent":12.5,"direction":"in","seed":7}`, PacketLoss{Percent: 12.5, Direction: In, Seed: 7}, ""},
		{"ipv6 peer", "loss", `{"percent":1,"peer":{"addresses":["fd00::1","fd00:1::/64"]}}`,
			PacketLoss{Percent: 1, Peer: Peer{Addresses: []string{"fd00::1", "fd00:1::/64"}}}, ""},

		{"no kind", "", `{}`, nil, "want one of latency, "},
		{"unknown kind", "los", `{}`, nil, "want one of latency, "},
		{"unknown key", "loss", `{"percent":1,"persent":2}`, nil, `unknown parameter "persent"; want percent, burst, exact, direction, peer, seed`},
		{"key in capitals", "loss", `{"Percent":1}`, nil, `unknown parameter "Percent"`},
		{"unknown key of peer", "loss", `{"percent":1,"peer":{"adresses":["10.0.0.1"]}}`, nil, "adresses"},
		{"unknown key of peer in latency", "latency", `{"delay":"1ms","peer":{"ports":[1]}}`, nil, "ports"},
		{"two values", "loss", `{"percent":1}{}`, nil, "want a JSON object"},
		{"null", "loss", `null`, nil, "want a JSON object"},
		{"empty", "loss", ``, nil, "want a JSON object"},
		{"list", "loss", `[]`, nil, "want a JSON object"},

		{"percent missing", "loss", `{}`, nil, "percent is 0; want above 0, up to 100"},
		{"percent high", "loss", `{"percent":100.1}`, nil, "want above 0, up to 100"},
		{"percent negative", "loss", `{"percent":-1}`, nil, "want above 0, up to 100"},
		{"percent text", "loss", `{"percent":"10"}`, nil, "percent"},
		{"seed negative", "loss", `{"percent":1,"seed":-1}`, nil, "seed"},
		{"direction", "loss", `{"percent":1,"direction":"up"}`, nil, `direction is "up"; want out, in or both`},
		{"delay missing", "latency", `{}`, nil, "delay is 0s; want above 0, up to 10s"},
		{"delay long", "latency", `{"delay":"11s"}`, nil, "want above 0, up to 10s"},
		{"delay number", "latency", `{"delay":50}`, nil, `want a string such as "50ms"`},
		{"delay without unit", "latency", `{"delay":"50"}`, nil, "want a number with a unit"},
		{"jitter above delay", "latency", `{"delay":"5ms","jitter":"6ms"}`, nil, "want 0 up to the delay, 5ms"},
		{"distribution", "latency", `{"delay":"5ms","jitter":"1ms","distribution":"gauss"}`, nil, `distribution is "gauss"; want uniform, normal, pareto or paretonormal`},
		{"distribution of nothing", "latency", `{"delay":"5ms","distribution":"normal"}`, nil, "jitter is 0s with distribution normal; want above 0, up to the delay, 5ms"},
		{"peer name", "latency", `{"delay":"5ms","peer":{"addresses":["db"]}}`, nil, "want an IP address or a CIDR prefix"},
		{"peer loopback", "latency", `{"delay":"5ms","peer":{"addresses":["127.0.0.11"]}}`, nil, "loopback"},
		{"peer zone", "latency", `{"delay":"5ms","peer":{"addresses":["fe80::1%eth0"]}}`, nil, "want an IP address"},
		{"peer port", "latency", `{"delay":"5ms","peer":{"port":70000}}`, nil, "want 1 to 65535"},
		{"peer icmp port", "latency", `{"delay":"5ms","peer":{"port":7,"protocol":"icmp"}}`, nil, "icmp has no ports"},
		{"peer protocol", "latency", `{"delay":"5ms","peer":{"protocol":"sctp"}}`, nil, "want tcp, udp, icmp or none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode(tt.kind, []byte(tt.params))
			if tt.err == "" {
				if err != nil || !reflect.DeepEqual(got, tt.want) {
					t.Fatalf("Decode = %+v, %v; want %+v", got, err, tt.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("Decode = %+v, %v; want an error with %q", got, err, tt.err)
			}
		})
	}
	if _, err := Decode("x", nil); !errors.Is(err, ErrUnknownKind) {
		t.Errorf("unknown kind gave %v; want ErrUnknownKind", err)
	}
	if err := (PacketLoss{Percent: math.NaN()}).Validate(); err == nil {
		t.Error("percent NaN is accepted")
	}
	if err := (Peer{Addresses: make([]string, 65)}).validate(); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Errorf("65 addresses gave %v", err)
	}
}

func TestOneWay(t *testing.T) {
	for _, tt := range []struct {
		l    Latency
		want time.Duration
	}{
		{Latency{Delay: 80}, 80},
		{Latency{Delay: 80, Direction: Both}, 80},
		{Latency{Delay: 80, Direction: Both, RTT: true}, 40},
		{Latency{Delay: 80, Direction: In, RTT: true}, 80},
	} {
		if got, _ := tt.l.OneWay(); got != tt.want {
			t.Errorf("%+v: one-way delay %v, want %v", tt.l, got, tt.want)
		}
	}
}

func TestDirection(t *testing.T) {
	for d, want := range map[Direction][2]bool{"": {true, false}, Out: {true, false}, In: {false, true}, Both: {true, true}} {
		if got := [2]bool{d.Sends(), d.Receives()}; got != want {
			t.Errorf("%q sends, receives = %v, want %v", d, got, want)
		}
	}
}

// Every key that faults of a kind write must be a documented parameter, and the reverse.
func TestTableMatchesStructs(t *testing.T) {
	peer := Peer{[]string{"10.0.0.1"}, 1, "tcp", []string{"db.shop.internal"}, 0}
	full := slices.Concat([]Fault{
		Latency{Delay: time.Second, Jitter: time.Second, Distribution: Pareto, Direction: Both, RTT: true, Thrifty: true, Peer: peer},
		PacketLoss{Percent: 1, Exact: true, Direction: Both, Peer: peer, Seed: 1},
		PacketLoss{Percent: 1, Burst: 2, Direction: Both, Peer: peer, Seed: 1},
	}, fullPackets, fullCut, fullDNS, fullProcess, fullDisk, fullDatabase, fullDependency)
	for _, f := range full { // a local port goes without the peer's
		v := reflect.New(reflect.TypeOf(f)).Elem()
		v.Set(reflect.ValueOf(f))
		if p := v.FieldByName("Peer"); p.IsValid() && p.Type() == reflect.TypeFor[Peer]() {
			p.FieldByName("Port").SetInt(0)
			p.FieldByName("LocalPort").SetInt(1)
			full = append(full, v.Interface().(Fault))
		}
	}
	for _, k := range Kinds() {
		of := slices.DeleteFunc(slices.Clone(full), func(f Fault) bool { return f.Kind() != k.Kind })
		if len(of) == 0 {
			t.Errorf("no fault of kind %s here", k.Kind)
		}
		var names []string
		for _, f := range of {
			b, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, keysOf(t, b)...)
			if back, err := Decode(k.Kind, b); err != nil || !reflect.DeepEqual(back, f) {
				t.Errorf("%s read back as %+v, %v", b, back, err)
			}
		}
		slices.Sort(names)
		documented := k.names()
		slices.Sort(documented)
		if names = slices.Compact(names); !slices.Equal(names, documented) {
			t.Errorf("%s writes %v, documents %v", k.Kind, names, documented)
		}
		for _, p := range k.Params {
			if p.Type == "" || p.Range == "" || p.Doc == "" {
				t.Errorf("%s: parameter %s is not documented", k.Kind, p.Name)
			}
		}
		if k.Sees == "" || k.Does == "" || k.Family == "" || (len(k.Backends) == 0) != (k.Missing != "") || k.Missing != "" && k.Instead == "" {
			t.Errorf("%s lacks what is seen or the back-ends", k.Kind)
		}
	}
}

// keysOf lists the keys of a JSON object, those of objects in it with a dot.
func keysOf(t *testing.T, b []byte) []string {
	t.Helper()
	var keys map[string]any
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	var names []string
	for key, v := range keys {
		fields, object := v.(map[string]any)
		for field := range fields {
			names = append(names, key+"."+field)
		}
		if !object {
			names = append(names, key)
		}
	}
	return names
}

func FuzzDecode(f *testing.F) {
	f.Add("latency", []byte(`{"delay":"50ms","jitter":"1ms","peer":{"addresses":["10.0.0.0/8"]}}`))
	f.Add("loss", []byte(`{"percent":1e309}`))
	f.Add("rate", []byte(`{"bits_per_second":1e6,"queue":"1s"}`))
	f.Add("reorder", []byte(`{"percent":25,"delay":"1ms","gap":3}`))
	f.Add("loss", []byte(`{"percent":1,"peer":{"addresses":["::ffff:10.0.0.1"]}}`))
	f.Fuzz(func(t *testing.T, kind string, params []byte) {
		v, err := Decode(kind, params)
		if err != nil {
			return
		}
		if err := v.Validate(); err != nil {
			t.Fatalf("decoded but not valid: %v", err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(kind, b)
		if err != nil {
			t.Fatalf("%s does not read back: %v", b, err)
		}
		if b2, _ := json.Marshal(back); string(b2) != string(b) {
			t.Fatalf("%s read back as %s", b, b2)
		}
	})
}
