package control

import (
	"context"
	"errors"
	"net/netip"

	"faultlab/faults/engine"
)

// usersNetwork makes the network on which users come: of IPv4, and of IPv6 where the
// engine makes that.
func (c *Control) usersNetwork(ctx context.Context) error {
	why := c.cfg.IPv4Alone
	var err error
	if why == "" {
		if c.users, err = createNetwork(ctx, c.eng, c.cfg.ID, "users", true); err == nil {
			c.users6 = beside(c.users)
		} else {
			why = err.Error()
		}
	}
	if why != "" {
		var again error
		if c.users, again = createNetwork(ctx, c.eng, c.cfg.ID, "users", false); again != nil {
			return errors.Join(err, again)
		}
		c.log.Warn("users come over IPv4 alone", "why", why)
	}
	return c.keep.set(func(s *State) {
		s.Users, s.IPv4Alone = c.users.String(), why
		if c.users6.IsValid() {
			s.Users6 = c.users6.String()
		}
	})
}

// sameUsersNetwork takes up again what usersNetwork has made.
func (c *Control) sameUsersNetwork(st State) (err error) {
	if c.users, err = netip.ParsePrefix(st.Users); err == nil && st.Users6 != "" {
		c.users6, err = netip.ParsePrefix(st.Users6)
	}
	return err
}

// TryIPv6 makes a network like the users', of a lab that there is not, and removes it. The
// error is why the engine makes none.
func TryIPv6(ctx context.Context, e *engine.Engine, id string) error {
	_, err := createNetwork(ctx, e, id, "users", true)
	return errors.Join(err, Remove(ctx, e, id, "", nil))
}
