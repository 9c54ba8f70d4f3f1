package faults

import (
	"math"
	"testing"
	"time"
)

// fullDNS has faults with every parameter set, for the table's test.
var fullDNS = []Fault{
	DNSError{Lookups{"db.shop.internal", "AAAA", 50, 7}, "servfail"},
	DNSTimeout{Lookups{"*.shop.internal", "A", 50, 7}},
	DNSDelay{Lookups{"db", "SRV", 50, 7}, time.Second},
	DNSAddress{Lookups{"db", "A", 50, 7}, []string{"192.0.2.1", "2001:db8::1"}},
}

func TestLookups(t *testing.T) {
	for _, tt := range []struct {
		l         Lookups
		name, typ string
		concerns  bool
	}{
		{Lookups{}, "x.", "MX", true},
		{Lookups{Name: "DB.shop.internal."}, "db.Shop.internal.", "A", true},
		{Lookups{Name: "db"}, "db.shop.internal.", "A", false},
		{Lookups{Name: "*.shop.internal"}, "a.b.shop.internal.", "A", true},
		{Lookups{Name: "*.shop.internal"}, "shop.internal.", "A", false},
		{Lookups{Name: "a*b*c"}, "a1b2b3c.", "A", true},
		{Lookups{Name: "a*b*c"}, "a1b2b3.", "A", false},
		{Lookups{Type: "aaaa"}, "x.", "AAAA", true},
		{Lookups{Type: "AAAA"}, "x.", "A", false},
	} {
		if got := tt.l.Concerns(tt.name, tt.typ); got != tt.concerns {
			t.Errorf("%+v concerns %s %s: %v", tt.l, tt.name, tt.typ, got)
		}
	}
	for _, f := range []Fault{
		DNSError{Code: "formerr"}, DNSError{Lookups: Lookups{Name: "a b"}}, DNSTimeout{Lookups{Name: "*****"}}, DNSTimeout{Lookups{Name: "."}},
		DNSTimeout{Lookups{Type: "ANY"}}, DNSTimeout{Lookups{Percent: 101}}, DNSTimeout{Lookups{Percent: math.NaN()}},
		DNSDelay{}, DNSDelay{Delay: time.Minute}, DNSAddress{}, DNSAddress{Addresses: []string{"db"}},
		DNSAddress{Lookups{Type: "MX"}, []string{"192.0.2.1"}}, DNSAddress{Addresses: make([]string, 9)},
	} {
		if f.Validate() == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}
