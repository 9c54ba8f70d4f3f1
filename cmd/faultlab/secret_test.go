package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSecretsStandNowhere(t *testing.T) {
	t.Setenv("SECRET_OF_TEST", "pw")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("pw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"env:SECRET_OF_TEST", "@" + file, "@-"} {
		opened, passed, secret, err := openSecrets("pg-lock", []string{"table=t", "connection.password=" + from}, strings.NewReader("pw\n"))
		if err != nil || secret != "pw" || !slices.Equal(opened, []string{"table=t", "connection.password=pw"}) ||
			!slices.Equal(passed, []string{"table=t", "connection.password=@-"}) {
			t.Errorf("%s: %q, %q, %q, %v", from, opened, passed, secret, err)
		}
	}
	for from, want := range map[string]string{"pw": "can be read by everybody", "env:NOT_SET_IN_TEST": "is empty", "@" + file + "x": "no such file",
		"@/dev/zero": "more than 4096 bytes"} {
		if _, _, _, err := openSecrets("pg-lock", []string{"connection.password=" + from}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", from, err, want)
		}
	}
	if _, _, _, err := openSecrets("pg-lock", []string{"connection.password=@-", "connection.password=@-"}, strings.NewReader("pw")); err == nil {
		t.Error("a secret was taken twice")
	}
	if out, code := command(t, "inject", "nobody", "pg-lock", "--param", "table=t", "--param", "connection.password=geheim"); code != 2 || strings.Contains(out, "geheim") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
