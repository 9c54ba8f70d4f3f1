package faults

import "fmt"

// maxLeft is above what servers allow.
const maxLeft = 10_000

// PgConnections takes connections of PostgreSQL until so many are left for others,
// and takes those that become free.
//
// What a trainee sees: new connections are refused ("sorry, too many clients
// already", "remaining connection slots are reserved") while those that are open
// work well, so that some instances of a service fail and others do not, and a
// restart makes it worse. The usual wrong diagnosis is that the database is down, or
// that max_connections is too low. pg_stat_activity tells who holds them.
//
// The connections reserved for superusers stay free.
type PgConnections struct {
	// Left is how many others may still open; 0 to 10000.
	Left int `json:"left"`
	// Application is what the sessions call themselves; default psql.
	Application string     `json:"application,omitempty"`
	Connection  Connection `json:"connection,omitzero"`
}

// Kind is "pg-connections".
func (PgConnections) Kind() string { return "pg-connections" }

// Validate reports the first parameter that is out of its range.
func (f PgConnections) Validate() error {
	if f.Left < 0 || f.Left > maxLeft {
		return fmt.Errorf("left is %d; want 0 up to %d", f.Left, maxLeft)
	}
	if err := validateApplication(f.Application); err != nil {
		return err
	}
	return f.Connection.validate()
}
