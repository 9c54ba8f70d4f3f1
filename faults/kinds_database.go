package faults

var (
	applicationParam = Param{Name: "application", Type: "string", Default: "psql", Range: "up to 63 characters of ASCII", Doc: "what the sessions call themselves"}
	tableParam       = Param{Name: "table", Type: "string", Range: "a table's name, with a schema or without", Doc: "the table"}
	// The ways to the server.
	postgresParams = []Param{
		{Name: "connection.user", Type: "string", Default: "POSTGRES_USER, or the server's owner", Range: "a role", Doc: "database role; with a password the owner is taken to be postgres; most faults need a superuser"},
		{Name: "connection.password", Type: "secret", Default: "none", Range: "@FILE, @- or env:NAME", Doc: "its password; without one the server's unix socket is used, as its owner"},
		{Name: "connection.database", Type: "string", Default: "POSTGRES_DB, or postgres", Range: "a database", Doc: "where to connect to"},
		{Name: "connection.port", Type: "integer", Default: "5432", Range: "1 to 65535", Doc: "port of the server in the target"},
	}
	redisParams = []Param{
		{Name: "connection.user", Type: "string", Default: "default", Range: "a user", Doc: "user of Redis"},
		{Name: "connection.password", Type: "secret", Default: "none", Range: "@FILE, @- or env:NAME", Doc: "its password"},
		{Name: "connection.port", Type: "integer", Default: "6379", Range: "1 to 65535", Doc: "port of the server in the target"},
	}
)

// databaseKinds are the faults inside PostgreSQL and Redis.
var databaseKinds = []KindInfo{
	{
		Kind: "pg-dropped-index", Family: "database", Does: "an index is dropped, and built again at the end", Backends: []string{"postgresql"},
		Params: append([]Param{
			{Name: "index", Type: "string", Range: "an index's name, with a schema or without", Doc: "the index; not one of a constraint, and not a unique one"},
			{Name: "query", Type: "string", Default: "made from the index", Range: "one SELECT, up to 10000 bytes", Doc: "a statement whose plan uses the index"},
			{Name: "concurrently", Type: "bool", Default: "false", Range: "true, false", Doc: "build it again without blocking writes: slower, and after older transactions"},
		}, postgresParams...),
		Sees:   "statements that used the index are slower by the size of the table, and the server's CPU rises; nothing fails until timeouts do",
		decode: decodeAs[PgDroppedIndex], example: map[string]string{"index": "orders_customer_id"},
	},
	{
		Kind: "pg-lock", Family: "database", Does: "a table is locked by a transaction that does nothing", Backends: []string{"postgresql"},
		Params: append([]Param{
			tableParam,
			{Name: "mode", Type: "string", Default: "access-exclusive", Range: "access-share, row-share, row-exclusive, share-update-exclusive, share, share-row-exclusive, exclusive, access-exclusive", Doc: "the lock"},
			applicationParam,
		}, postgresParams...),
		Sees:   "statements on the table wait while the server is idle; pools fill; one session is idle in transaction",
		decode: decodeAs[PgLock], example: map[string]string{"table": "orders"},
	},
	{
		Kind: "pg-connections", Family: "database", Does: "connections are taken until few or none are left", Backends: []string{"postgresql"},
		Params: append([]Param{
			{Name: "left", Type: "integer", Range: "0 to 10000", Doc: "how many others may still open; a superuser's reserve stays free"},
			applicationParam,
		}, postgresParams...),
		Sees:   "new connections are refused (too many clients already) while open ones work; a restart of a service makes it worse",
		decode: decodeAs[PgConnections], example: map[string]string{"left": "0"},
	},
	{
		Kind: "pg-stale-statistics", Family: "database", Does: "the planner believes that a table is nearly empty, and autovacuum leaves it so", Backends: []string{"postgresql"},
		Params: append([]Param{
			tableParam,
			{Name: "rows", Type: "integer", Unit: "rows", Default: "1", Range: "1 to 1000000", Doc: "how many rows the planner believes in"},
		}, postgresParams...),
		Sees:   "statements that join the table are slow from one moment to the next; EXPLAIN ANALYZE shows estimates off by orders of magnitude; ANALYZE mends it",
		decode: decodeAs[PgStaleStatistics], example: map[string]string{"table": "orders"},
	},
	{
		Kind: "pg-slow-statement", Family: "database", Does: "statements that contain a text take longer, in open sessions too", Backends: []string{"uprobe"},
		Params: append([]Param{
			{Name: "statement", Type: "string", Range: "1 to 200 bytes; * is any text", Doc: "a text that the statements contain, such as select*from orders, in small letters or capitals"},
			{Name: "delay", Type: "duration", Unit: "time", Range: "1ms to 1m", Doc: "how much longer they take"},
			{Name: "percent", Type: "number", Unit: "percent", Default: "100", Range: "above 0, up to 100", Doc: "share of them concerned"},
			{Name: "seed", Type: "integer", Default: "0 (chosen and recorded)", Range: "0 to 18446744073709551615", Doc: "fixes which of them are concerned"},
		}, postgresParams...),
		Sees:   "the session is active and waits for nothing, the slow log and pg_stat_statements have the statement, and no node of its plan takes the time; CPU and disks are idle",
		decode: decodeAs[PgSlowStatement], example: map[string]string{"statement": "select*from orders", "delay": "500ms"},
	},
	{
		Kind: "pg-replica-lag", Family: "database", Does: "a replica applies what it receives late, or not at all", Backends: []string{"postgresql"},
		Params: append([]Param{
			{Name: "delay", Type: "duration", Unit: "time", Default: "0s (no replay)", Range: "100ms to 24h", Doc: "of each commit"},
		}, postgresParams...),
		Sees:   "what was written is not there when it is read from the replica, and appears later; no error anywhere",
		decode: decodeAs[PgReplicaLag],
	},
	{
		Kind: "redis-pause", Family: "database", Does: "Redis answers no command, or no write", Backends: []string{"redis"},
		Params: append([]Param{
			{Name: "commands", Type: "string", Default: "all", Range: "all, write", Doc: "which commands wait"},
		}, redisParams...),
		Sees:   "connections to Redis open and hang; callers wait for their timeouts; the process is up and idle",
		decode: decodeAs[RedisPause],
	},
	{
		Kind: "redis-memory", Family: "database", Does: "the memory limit of Redis is lowered", Backends: []string{"redis"},
		Params: append([]Param{
			{Name: "percent", Type: "number", Unit: "percent", Range: "above 0, below 100", Doc: "the limit as a share of the memory in use"},
		}, redisParams...),
		Sees:   "with an evicting policy the hit rate falls and the database gets the load; with noeviction writes fail with OOM",
		decode: decodeAs[RedisMemory], example: map[string]string{"percent": "50"},
	},
}
