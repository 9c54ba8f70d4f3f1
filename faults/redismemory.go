package faults

import "fmt"

// RedisMemory lowers the memory limit of Redis to a share of what it uses now. The
// policy stays: what that evicts meanwhile does not come back.
//
// What a trainee sees: with an evicting policy the hit rate falls and the database
// behind the cache gets the load; with noeviction writes fail with OOM and reads
// go on. The usual wrong diagnosis is the database, or a bad release of the service.
type RedisMemory struct {
	// Percent of the memory in use; above 0, below 100.
	Percent    float64    `json:"percent"`
	Connection Connection `json:"connection,omitzero"`
}

// Kind is "redis-memory".
func (RedisMemory) Kind() string { return "redis-memory" }

// Validate reports the first parameter that is out of its range.
func (f RedisMemory) Validate() error {
	// Written so that NaN is refused as well.
	if !(f.Percent > 0 && f.Percent < 100) {
		return fmt.Errorf("percent is %v; want above 0, below 100", f.Percent)
	}
	return f.Connection.validate()
}
