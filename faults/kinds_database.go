package faults

// databaseKinds are the faults inside PostgreSQL and Redis.
var databaseKinds = []KindInfo{}
