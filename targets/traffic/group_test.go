package traffic

import "testing"

func TestGroupAsText(t *testing.T) {
	for _, g := range []Group{
		{},
		{Region: "eu", Route: Home, Version: "7.1", Tenant: "fjord", Device: "ios", Cohort: "control", IP: IPv6},
		{Tenant: "harbour"},
	} {
		text, err := g.MarshalText()
		got := Group{Region: "left over", Device: "left over"}
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if err != nil || got != g {
			t.Errorf("%+v is written as %q, read as %+v, %v", g, text, got, err)
		}
	}
	for _, text := range []string{"", "eu", "eu home 7.1 fjord ios control", "eu home 7.1 fjord ios control 6 more"} {
		if err := new(Group).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a group", text)
		}
	}
}

func TestGroupHas(t *testing.T) {
	g := Group{Region: "eu", Route: Home, Version: "7.1", Tenant: "fjord", Device: "ios", Cohort: "control", IP: IPv4}
	if !g.Has(&Group{}) || !g.Has(&g) {
		t.Error("a group lacks nothing, or itself")
	}
	for _, d := range Dimensions {
		own, other := d.Only(d.Of(g)), d.Only("other")
		if !g.Has(&own) || g.Has(&other) || new(Group).Has(&own) {
			t.Errorf("by its %s, %+v is not told apart", d.Name, g)
		}
	}
}
