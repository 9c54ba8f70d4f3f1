package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs/control"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"faultlab": main})
}

// Scripts run against an engine that has nothing and must not be asked to change
// anything: what they show is refused before a lab is touched.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"fails": fails},
		Setup: func(env *testscript.Env) error {
			e := &emptyEngine{}
			path := filepath.Join(env.WorkDir, "engine.sock")
			l, err := net.Listen("unix", path)
			if err != nil {
				return err
			}
			srv := &http.Server{Handler: e}
			go srv.Serve(l)
			env.Setenv("DOCKER_HOST", "unix://"+path)
			env.Defer(func() {
				srv.Close()
				if changes := e.asked(); len(changes) > 0 {
					t.Errorf("the engine was asked to change something: %v", changes)
				}
			})
			return nil
		},
	})
}

var twoLines = regexp.MustCompile(`^faultlab: error: [^\n]+\nfaultlab: hint: [^\n]+\n$`)

// fails CODE ARG... runs faultlab, which must end with the code, say nothing on
// stdout, and one line of error and one of hint on stderr.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: fails CODE ARG...")
	}
	err := ts.Exec("faultlab", args[1:]...)
	if err == nil || err.Error() != "exit status "+args[0] {
		ts.Fatalf("ended with %v; want exit status %s", err, args[0])
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("stdout is not empty: %q", out)
	}
	if out := ts.ReadFile("stderr"); !twoLines.MatchString(out) {
		ts.Fatalf("stderr is not one line of error and one of hint:\n%s", out)
	}
}

// emptyEngine answers as a Docker Engine on which nothing is.
type emptyEngine struct {
	mu      sync.Mutex
	changes []string
}

func (e *emptyEngine) asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changes
}

func (e *emptyEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		e.mu.Lock()
		e.changes = append(e.changes, r.Method+" "+r.URL.Path)
		e.mu.Unlock()
	}
	switch _, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v"), "/"); path {
	case "_ping":
		fmt.Fprint(w, "OK")
	case "containers/json", "networks":
		fmt.Fprint(w, "[]")
	case "volumes":
		fmt.Fprint(w, `{"Volumes":[]}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"no such object"}`)
	}
}

func TestEveryVerbExplainsItself(t *testing.T) {
	root := newRoot()
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Hidden {
			continue
		}
		t.Run(cmd.Name(), func(t *testing.T) {
			switch {
			case cmd.Short == "" || len(cmd.Short) > 110:
				t.Errorf("its short description is %q; want one line", cmd.Short)
			case cmd.HasAvailableFlags() && cmd.RunE == nil:
				t.Error("it has flags and does nothing")
			}
			if !strings.Contains(cmd.Example, "faultlab "+cmd.Name()) {
				t.Errorf("its example is %q", cmd.Example)
			}
			for line := range strings.Lines(cmd.Example) {
				if !strings.HasPrefix(line, "  ") {
					t.Errorf("example %q is not indented by two", line)
				}
				exampleParses(t, line)
			}
		})
	}
}

var exampleCommand = regexp.MustCompile(`faultlab ([^|]+)`)

// exampleParses tells whether an example names flags that exist.
func exampleParses(t *testing.T, line string) {
	m := exampleCommand.FindStringSubmatch(line)
	if m == nil {
		return
	}
	var words []string
	for _, w := range strings.Fields(m[1]) {
		words = append(words, strings.Trim(w, `"'`))
	}
	cmd, args, err := newRoot().Find(words)
	if err == nil {
		err = cmd.ParseFlags(beforeDashes(args))
	}
	if err != nil {
		t.Errorf("example %q: %v", strings.TrimSpace(line), err)
	}
}

// beforeDashes leaves out what is another command's.
func beforeDashes(args []string) []string {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i]
	}
	return args
}

func TestEveryFlagIsDescribed(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.LocalFlags().FlagUsages()) {
			if f := strings.Fields(line); len(f) < 3 {
				t.Errorf("%s: %q is not described", cmd.CommandPath(), strings.TrimSpace(line))
			}
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(newRoot())
}

// A lab that was cut down to a volume is listed, removed, and then gone.
func TestStopRemovesWhatIsLeft(t *testing.T) {
	e := enginetest.Open(t)
	id := fmt.Sprintf("t%d", os.Getpid())
	name := control.Name(id, "state")
	if _, err := e.CreateVolume(t.Context(), name, control.Labels(id, control.RoleShop, false)); err != nil {
		t.Fatal(err)
	}
	if out, code := command(t, "ps"); code != 0 || !regexp.MustCompile(`(?m)^`+id+` .*leftover`).MatchString(out) {
		t.Errorf("ps ended with %d:\n%s", code, out)
	}
	if out, code := command(t, "stop", id); code != 0 || !strings.Contains(out, "Lab "+id+" is gone (1 objects removed).") {
		t.Errorf("stop ended with %d:\n%s", code, out)
	}
	if _, err := e.Volume(t.Context(), name); !engine.IsNotFound(err) {
		t.Errorf("the volume is still there: %v", err)
	}
	want := fmt.Sprintf("faultlab: error: there is no lab %q\nfaultlab: hint: faultlab ps lists the labs\n", id)
	if out, code := command(t, "stop", id); code != 2 || out != want {
		t.Errorf("the second stop ended with %d:\n%s", code, out)
	}
}
