package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	fullConnection  = Connection{User: "shop", Password: "pw", Database: "shop", Port: 5433}
	redisConnection = Connection{User: "app", Password: "pw", Port: 6380}
)

// fullDatabase has faults with every parameter set, for the table's test.
var fullDatabase = []Fault{
	PgDroppedIndex{"i", "SELECT 1", true, fullConnection},
	PgLock{"t", "share", "pgAdmin", fullConnection},
	PgConnections{3, "pgAdmin", fullConnection},
	PgStaleStatistics{"t", 10, fullConnection},
	PgSlowStatement{"select*", time.Second, 5, 7, fullConnection},
	PgReplicaLag{time.Second, fullConnection},
	RedisPause{"write", redisConnection},
	RedisMemory{50, redisConnection},
}

func TestDatabaseRanges(t *testing.T) {
	for _, tt := range []struct{ kind, params, err string }{
		{"pg-dropped-index", `{}`, `index is ""; want a name`},
		{"pg-dropped-index", `{"index":"i","connection":{"port":70000}}`, "want 1 to 65535"},
		{"pg-dropped-index", `{"index":"i","connection":{"pasword":"x"}}`, "pasword"},
		{"pg-lock", `{"table":"t","mode":"exclusiv"}`, "want access-share, "},
		{"pg-lock", `{"table":"t","application":"a\u0000"}`, "printable ASCII"},
		{"pg-connections", `{"left":-1}`, "want 0 up to 10000"},
		{"pg-stale-statistics", `{"table":"t","rows":-1}`, "want 1 up to 1000000"},
		{"pg-slow-statement", `{"delay":"1s"}`, "want a text of 1 to 200 bytes"},
		{"pg-slow-statement", `{"statement":"` + strings.Repeat("x", 201) + `","delay":"1s"}`, "want a text of 1 to 200 bytes"},
		{"pg-slow-statement", `{"statement":"x"}`, "delay is 0s; want 1ms up to 1m"},
		{"pg-slow-statement", `{"statement":"x","delay":"61s"}`, "want 1ms up to 1m"},
		{"pg-slow-statement", `{"statement":"x","delay":"1s","percent":101}`, "want above 0, up to 100"},
		{"pg-replica-lag", `{"delay":"1ms"}`, "want 100ms up to 24h"},
		{"pg-replica-lag", `{"delay":"-1s"}`, "want 100ms up to 24h"},
		{"redis-pause", `{"commands":"read"}`, "want all or write"},
		{"redis-memory", `{"percent":100}`, "want above 0, below 100"},
	} {
		if f, err := Decode(tt.kind, []byte(tt.params)); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s %s: %+v, %v; want an error with %q", tt.kind, tt.params, f, err, tt.err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, f := range fullDatabase {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), `"password":"pw"`) {
			t.Errorf("%s does not hand its password on", b)
		}
		shown := string(Redact(f.Kind(), b))
		if strings.Contains(shown, "pw") || !strings.Contains(shown, `"password":"(secret)"`) || !strings.Contains(shown, `"port":`) {
			t.Errorf("shown as %s", shown)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, f); strings.Contains(text, "pw") {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
	for _, same := range []string{`{"percent":5}`, `{}`} {
		if got := string(Redact("loss", []byte(same))); got != same {
			t.Errorf("%s is shown as %s", same, got)
		}
	}
	if got := string(Redact("pg-lock", []byte(`{"table":"t"}`))); got != `{"table":"t"}` {
		t.Errorf("without a password: %s", got)
	}
}
