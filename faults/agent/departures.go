package agent

import "time"

// departures is when the probes of a series are sent.
type departures struct {
	start    time.Time
	interval time.Duration
	apart    bool // one that is late makes those after it as late; else they make up for it
}

// wait is how long to wait at a time before the i-th is sent; 0 if it is late.
func (d *departures) wait(i int, now time.Time) time.Duration {
	early := d.start.Add(time.Duration(i) * d.interval).Sub(now)
	if early < 0 && d.apart {
		d.start = d.start.Add(-early)
	}
	return max(early, 0)
}
