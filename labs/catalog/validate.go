package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"faultlab/faults"
	"faultlab/labs/places"
)

// kinds lists what a check can be and which of its parameters it needs.
var kinds = map[string]func(Check) error{
	"slo":     func(c Check) error { return need(c.SLO.Success > 0, "slo.success") },
	"restart": func(c Check) error { return need(c.SLO.Success > 0, "slo.success") },
	"soak": func(c Check) error {
		return need(len(c.Services) > 0 && c.Rate > 0 && c.SlopeKiB > 0 && c.Lasting > 0, "services, rate, lasting and slope_kib")
	},
	"shape": func(c Check) error { return nil },
	"tolerance": func(c Check) error {
		return need(c.Fault != nil && c.SLO.Success > 0 && c.Attempts > 0 && c.Lasting > 0, "fault, slo, attempts and lasting")
	},
	"fresh": func(c Check) error {
		return need(c.SLO.P95 > 0 && c.SLO.Success > 0 && c.Rows > 0, "slo.success, slo.p95 and rows")
	},
	"goods":    func(c Check) error { return nil },
	"injector": func(c Check) error { return nil },
	"orders":   func(c Check) error { return need(c.Lasting > 0, "lasting") },
	"owner":    func(c Check) error { return need(c.Team != "", "team") },
	"names":    func(c Check) error { return need(len(c.Names) > 0, "names") },
	"moved":    func(c Check) error { return need(len(c.Names) == 1 && c.Lasting > 0, "one of names, and lasting") },
}

func need(ok bool, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("needs %s", what)
}

// Validate says everything that is wrong with a lab, one line each.
func (l *Lab) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if len(l.Scenario) != 2 || l.Scenario[0] != 's' || l.Scenario[1] > '7' || l.Scenario[1] < '0' {
		bad("scenario is %q; want s0 to s7", l.Scenario)
	}
	if l.Title == "" || l.Mode == "" || l.Minutes <= 0 || l.Difficulty < 1 || l.Difficulty > 5 {
		bad("title, mode, minutes (above 0) and difficulty (1 to 5) must be there")
	}
	if !slices.Contains([]string{"", ProfileFull, ProfileCore}, l.Profile) {
		bad("profile is %q; want full or core", l.Profile)
	}
	if len(l.Variants) < 3 && !l.Healthy() {
		bad("%d variants; want at least 3", len(l.Variants))
	}
	if len(l.Break) == 0 && l.Scenario != Controls {
		bad("nothing breaks")
	}
	for i, s := range l.Break {
		if (s.Deploy == nil) == (s.Fault == nil) {
			bad("break step %d: want either deploy or fault", i+1)
		}
		if err := s.Fault.validate(); err != nil {
			bad("break step %d: %w", i+1, err)
		}
	}
	if l.Users.Success <= 0 || l.Users.Success > 100 {
		bad("users.success is %v; want above 0, up to 100 (percent)", l.Users.Success)
	}
	ids := l.validateChecks(bad)
	right, wrong := 0, 0
	for _, f := range l.Fixes {
		if f.Right {
			right++
			continue
		}
		wrong++
		if len(f.Catch) == 0 {
			bad("wrong/%s.sh does not say which check must catch it (# caught by: ID, ...)", f.Name)
		}
		for _, c := range f.Catch {
			if !slices.Contains(ids, c) {
				bad("wrong/%s.sh names the check %q; there are %s", f.Name, c, strings.Join(ids, ", "))
			}
		}
	}
	switch {
	case l.Healthy() && right+wrong > 0:
		bad("%d fixes of a lab in which nothing breaks; want none", right+wrong)
	case !l.Healthy() && (right < 2 || wrong < 4):
		bad("%d right and %d wrong fixes; want at least 2 and 4", right, wrong)
	}
	return errors.Join(errs...)
}

func (l *Lab) validateChecks(bad func(string, ...any)) []string {
	var ids []string
	for _, c := range l.Checks {
		if slices.Contains(ids, c.ID) || c.ID == "" {
			bad("check id %q is empty or twice there", c.ID)
		}
		ids = append(ids, c.ID)
		if len(c.Proof) < 2 || c.Proof[0] != 'V' {
			bad("check %s: proof is %q; want V1 to V12", c.ID, c.Proof)
		}
		valid, ok := kinds[c.Kind]
		if !ok {
			bad("check %s: there is no kind %q", c.ID, c.Kind)
			continue
		}
		if err := valid(c); err != nil {
			bad("check %s (%s): %w", c.ID, c.Kind, err)
		}
		if err := c.Fault.validate(); err != nil {
			bad("check %s: %w", c.ID, err)
		}
	}
	return ids
}

// validate says whether the library takes the fault; no fault is well.
func (f *Fault) validate() error {
	if f == nil {
		return nil
	}
	if (f.Uplink == "") == (f.Link == "") {
		return errors.New("want the fault on either an uplink or a link")
	}
	if f.Link == "" {
		_, err := f.Toward(faults.Peer{})
		return err
	}
	if !slices.Contains(places.Links(), f.Link) {
		return fmt.Errorf("there is no link %q; want one of %s", f.Link, strings.Join(places.Links(), ", "))
	}
	if _, ok := f.Params["peer"]; ok {
		return fmt.Errorf("the fault on the link %s has a peer; its other end is the peer", f.Link)
	}
	_, err := f.Toward(faults.Peer{Addresses: []string{"192.0.2.1"}})
	return err
}
