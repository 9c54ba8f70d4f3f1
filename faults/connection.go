package faults

import (
	"fmt"
	"strings"
)

// Connection says how to reach the database server in the target.
//
// Without a password PostgreSQL is reached over its unix socket, as the user of the
// operating system who owns the server: what peer authentication and trust let in.
type Connection struct {
	// User is the database role; default POSTGRES_USER of the container, or else
	// the server's owner, with a password postgres.
	User string `json:"user,omitempty"`
	// Password makes the connection go to 127.0.0.1 in the target.
	Password Secret `json:"password,omitempty"`
	// Database is where PostgreSQL's table or index is; default POSTGRES_DB of the container, or postgres.
	Database string `json:"database,omitempty"`
	// Port is the server's; default 5432, for Redis 6379.
	Port int `json:"port,omitempty"`
}

func (c Connection) validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("connection port is %d; want 1 to 65535, or 0 for the usual one", c.Port)
	}
	for name, s := range map[string]string{"user": c.User, "password": string(c.Password), "database": c.Database} {
		if strings.ContainsRune(s, 0) || len(s) > 1000 {
			return fmt.Errorf("connection %s has %d bytes or a zero byte; want up to 1000 without", name, len(s))
		}
	}
	return nil
}

// validateName is for tables and indexes, with a schema or without.
func validateName(what, s string) error {
	if s == "" || len(s) > 200 || strings.ContainsRune(s, 0) {
		return fmt.Errorf("%s is %q; want a name such as orders or shop.orders", what, s)
	}
	return nil
}

// validateApplication is for what a connection calls itself.
func validateApplication(s string) error {
	if len(s) > 63 {
		return fmt.Errorf("application has %d bytes; want up to 63", len(s))
	}
	for _, r := range s {
		if r < ' ' || r > '~' {
			return fmt.Errorf("application is %q; want printable ASCII", s)
		}
	}
	return nil
}

// maxQuery bounds a statement given as a parameter.
const maxQuery = 10_000

func validateQuery(s string) error {
	if len(s) > maxQuery || strings.ContainsRune(s, 0) {
		return fmt.Errorf("query has %d bytes; want up to %d and no zero byte", len(s), maxQuery)
	}
	return nil
}
