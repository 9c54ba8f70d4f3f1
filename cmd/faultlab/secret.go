package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"faultlab/faults"
	"faultlab/labs"
)

// secretLimit bounds what is read as a secret.
const secretLimit = 4096

// openSecrets puts the values in where parameters of a kind are secret: a command line
// is read by everybody on the machine, so a secret stands there only as @FILE, @- for
// stdin, or env:NAME. It also gives, for a helper, the parameters with @- for the
// secret, and the secret to be its stdin.
func openSecrets(kind string, params []string, stdin io.Reader) (opened, passed []string, secret string, err error) {
	secrets := faults.Secrets(kind)
	for _, p := range params {
		name, from, _ := strings.Cut(p, "=")
		if !slices.Contains(secrets, name) {
			opened, passed = append(opened, p), append(passed, p)
			continue
		}
		if secret != "" {
			return nil, nil, "", &labs.Problem{Message: name + " is given twice", Remedy: "once is enough"}
		}
		if secret, err = readSecret(name, from, stdin); err != nil {
			return nil, nil, "", err
		}
		opened, passed = append(opened, name+"="+secret), append(passed, name+"=@-")
	}
	return opened, passed, secret, nil
}

func readSecret(name, from string, stdin io.Reader) (string, error) {
	const remedy = "give it as @FILE, @- for stdin, or env:NAME"
	var value string
	if variable, ok := strings.CutPrefix(from, "env:"); ok {
		value = os.Getenv(variable)
	} else if path, ok := strings.CutPrefix(from, "@"); ok {
		in := stdin
		if path != "-" {
			f, err := os.Open(path)
			if err != nil {
				return "", &labs.Problem{Message: fmt.Sprintf("%s: %v", name, err), Remedy: remedy}
			}
			defer f.Close()
			in = f
		}
		b, err := io.ReadAll(io.LimitReader(in, secretLimit+1))
		if err != nil || len(b) > secretLimit {
			return "", &labs.Problem{Message: fmt.Sprintf("%s cannot be read, or has more than %d bytes", name, secretLimit), Remedy: remedy}
		}
		value = strings.TrimRight(string(b), "\r\n")
	} else {
		return "", &labs.Problem{Message: name + " on the command line can be read by everybody on this machine", Remedy: remedy}
	}
	if value == "" {
		return "", &labs.Problem{Message: name + " is empty", Remedy: remedy}
	}
	return value, nil
}
