package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var r report
	r.facts = []string{"Linux"}
	r.figure(1, "resident", judge(true), "p50 %d ms", 20)
	r.figure(1, "cold", judge(false), "%d ms", 900)
	r.table("Floor", "Read this.", []string{"what", "ms"}, []string{"entry", "5"})
	var b strings.Builder
	r.write(&b)
	got := b.String()
	for _, want := range []string{
		"- Linux\n",
		"| 1 | " + targets[1] + " | resident | p50 20 ms | met |\n| 1 |  | cold | 900 ms | **missed** |\n",
		"| 8 | " + targets[8] + " | | | not measured |\n", // a target that nothing measured is told
		"### Floor\n\nRead this.\n\n| what | ms |\n|---|---|\n| entry | 5 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
}
