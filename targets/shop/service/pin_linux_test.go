package service

import (
	"context"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
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

// Code is moved when it would bring the container near its limit, and not before.
func TestShort(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		own, code, limit uint64
		want             bool
	}{
		{7 * mib, 11 * mib, 40 * mib, false},
		{24 * mib, 11 * mib, 40 * mib, false},
		{26 * mib, 11 * mib, 40 * mib, true},
		{31 * mib, 11 * mib, 48 * mib, false},
		{33 * mib, 11 * mib, 48 * mib, true},
	} {
		if got := short(tt.own, tt.code, tt.limit); got != tt.want {
			t.Errorf("short(%d, %d, %d MiB) is %v", tt.own/mib, tt.code/mib, tt.limit/mib, got)
		}
	}
}

// The wait for memory to run short ends when it does, and with the service.
func TestUntilShort(t *testing.T) {
	before, err := ownMemory()
	if err != nil {
		t.Fatal(err)
	}
	const code, more = 11 << 20, 64 << 20
	limit := (before + code + more/2) / 9 * 10
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- untilShort(ctx, 2*limit, code) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	go func() { ended <- untilShort(t.Context(), limit, code) }()
	select {
	case err := <-ended:
		t.Fatalf("it was short of memory before it had any: %v", err)
	case <-time.After(2 * lookEvery):
	}
	held := make([]byte, more)
	for i := range held {
		held[i] = 1
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * lookEvery):
		t.Error("it waits on, though memory is short")
	}
	runtime.KeepAlive(held)
}
