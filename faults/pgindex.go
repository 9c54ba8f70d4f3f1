package faults

// PgDroppedIndex drops an index of PostgreSQL, and builds it again when it is over.
//
// What a trainee sees: statements that used the index read the whole table: they
// are slower by the size of the table, the server's CPU rises with the traffic, and
// nothing fails until timeouts and pools make it fail. The usual wrong diagnosis is
// too much traffic, or a server that is too small; a restart changes nothing.
//
// The index comes back as it was: definition, comment, tablespace, statistics
// targets, the mark of CLUSTER. One that cannot be put back exactly, or whose absence
// lets in what its return forbids (of a primary key, of a constraint, unique, of a
// partitioned table, a replica identity), is refused.
type PgDroppedIndex struct {
	// Index is its name, with a schema or without.
	Index string `json:"index"`
	// Query is a statement whose plan uses the index; default one on the index's first column.
	Query string `json:"query,omitempty"`
	// Concurrently builds it again without blocking writes: slower, and after older transactions.
	Concurrently bool       `json:"concurrently,omitempty"`
	Connection   Connection `json:"connection,omitzero"`
}

// Kind is "pg-dropped-index".
func (PgDroppedIndex) Kind() string { return "pg-dropped-index" }

// Validate reports the first parameter that is out of its range.
func (f PgDroppedIndex) Validate() error {
	if err := validateName("index", f.Index); err != nil {
		return err
	}
	if err := validateQuery(f.Query); err != nil {
		return err
	}
	return f.Connection.validate()
}
