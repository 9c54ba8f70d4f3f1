package service

import (
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

func TestWithout(t *testing.T) {
	const k = 4096 // on machines with larger pages nothing whole is left to take out
	if os.Getpagesize() != k {
		t.Skip("the pages are larger")
	}
	a := area{10 * k, 20 * k, 1}
	for _, tt := range []struct {
		b    area
		want []area
	}{
		{area{}, []area{a}},
		{area{from: 2 * k, to: 9 * k}, []area{a}},
		{area{from: 25 * k, to: 30 * k}, []area{a}},
		{area{from: 12*k + 1, to: 12*k + 9}, []area{a}},
		{area{from: 12*k + 1, to: 15*k + 9}, []area{{10 * k, 13 * k, 1}, {15 * k, 20 * k, 1}}},
		{area{from: 10 * k, to: 15 * k}, []area{{15 * k, 20 * k, 1}}},
		{area{from: 15 * k, to: 30 * k}, []area{{10 * k, 15 * k, 1}}},
		{area{from: 5 * k, to: 30 * k}, nil},
	} {
		if got := a.without(tt.b); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("without %v: %v; want %v", tt.b, got, tt.want)
		}
	}
}

// This test's own code is moved, and runs on: calls, collections, stack traces.
func TestPin(t *testing.T) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	table, err := functions(exe)
	if err != nil || table.to-table.from < 100<<10 {
		t.Fatalf("the table of functions is %v, %v", table, err)
	}
	before, err := mapped()
	if err != nil || len(before) < 2 {
		t.Fatalf("mapped are %v, %v", before, err)
	}
	for _, m := range before {
		for _, part := range m.without(table) {
			if err := pin(part); err != nil {
				t.Fatal(err)
			}
		}
	}
	after, err := mapped()
	if err != nil || len(after) != 1 || after[0].from < table.from || after[0].to > table.to {
		t.Errorf("still mapped are %v, %v; want part of the table only, %v", after, err, table)
	}
	runtime.GC()
	stack := make([]byte, 4096)
	if text := string(stack[:runtime.Stack(stack, false)]); !strings.Contains(text, "TestPin") {
		t.Errorf("a stack trace: %s", text)
	}
	if !regexp.MustCompile(`^a+$`).MatchString("aaa") {
		t.Error("code that runs for the first time does not work")
	}
}
