package catalog

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed */lab.yaml */*.md */right/*.sh */wrong/*.sh
var folders embed.FS

// Scenario is what a trainee is told before an incident: the symptom.
type Scenario struct {
	ID      string `json:"id"`
	Symptom string `json:"symptom"`
}

// Scenarios lists the seven scenarios.
var Scenarios = []Scenario{
	{"s1", "A service you support is no longer responding to requests"},
	{"s2", "Metrics indicate sporadic issues that hurt user experience"},
	{"s3", "An application terminates unexpectedly after a period of time"},
	{"s4", "An alert shows a sustained latency regression"},
	{"s5", "Users report an outage, no alert fired"},
	{"s6", "A production host goes down from time to time, out of memory"},
	{"s7", "A small subset of users gets surprisingly slow responses"},
}

// Unknown says that no lab or scenario has the name asked for.
type Unknown struct {
	Name string
	Have []string
	More string // where there is more than the hint may name; "" is nowhere
}

func (e *Unknown) Error() string {
	if slices.ContainsFunc(Scenarios, func(s Scenario) bool { return s.ID == e.Name }) {
		return fmt.Sprintf("scenario %s has no labs yet", e.Name)
	}
	return fmt.Sprintf("there is no lab or scenario %q", e.Name)
}

// Hint names what there is.
func (e *Unknown) Hint() string { return "there are: " + strings.Join(e.Have, ", ") + e.More }

// unknown answers a name that is none. Labs are named after their causes: only who
// asked for a lab is told of them.
func unknown(name string, scenarios []string) error {
	if likeLab.MatchString(name) {
		return &Unknown{Name: name, Have: append(scenarios, IDs()...)}
	}
	return &Unknown{Name: name, Have: scenarios, More: "; faultlab list --labs names the labs"}
}

// likeLab is what labs' ids begin with, e.g. 3a.
var likeLab = regexp.MustCompile(`^[0-9][a-z]`)

// IDs lists the labs' ids, sorted.
func IDs() []string {
	es, err := folders.ReadDir(".")
	if err != nil {
		panic(err) // an embedded folder can be read
	}
	var ids []string
	for _, e := range es {
		ids = append(ids, e.Name())
	}
	sort.Strings(ids)
	return ids
}

// Pick chooses a lab and one of its variants: name is a lab's id, the part of it
// before the first dash (3a), either followed by "/" and a variant, or a
// scenario (s3; also s0, Controls). Same name and seed, same choice.
func Pick(name string, seed uint64) (*Lab, error) {
	lab, variant, _ := strings.Cut(name, "/")
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	var fit []string
	have := scenariosWithLabs()
	for _, id := range IDs() {
		short, _, _ := strings.Cut(id, "-")
		if lab == id || lab == short {
			fit = []string{id}
			break
		}
		if slices.Contains(have, lab) {
			l, err := Load(id, "")
			if err != nil {
				return nil, err
			}
			if l.Scenario == lab {
				fit = append(fit, id)
			}
		}
	}
	if len(fit) == 0 {
		return nil, unknown(lab, slices.DeleteFunc(have, func(s string) bool { return s == Controls }))
	}
	id := fit[rng.IntN(len(fit))]
	l, err := Load(id, variant)
	if err != nil || variant != "" {
		return l, err
	}
	return Load(id, l.Variants[rng.IntN(len(l.Variants))].ID)
}

func scenariosWithLabs() []string {
	var out []string
	for _, id := range IDs() {
		if l, err := Load(id, ""); err == nil && !slices.Contains(out, l.Scenario) {
			out = append(out, l.Scenario)
		}
	}
	sort.Strings(out)
	return out
}

// Load reads a lab in one of its variants; "" is the first.
func Load(id, variant string) (*Lab, error) {
	sub, err := fs.Sub(folders, id)
	if err != nil {
		return nil, fmt.Errorf("open lab %s: %w", id, err)
	}
	return Read(sub, id, variant)
}

// Read reads a lab from its folder.
func Read(dir fs.FS, id, variant string) (*Lab, error) {
	raw, err := fs.ReadFile(dir, "lab.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Unknown{Name: id, Have: IDs()}
	}
	if err != nil {
		return nil, fmt.Errorf("read lab %s: %w", id, err)
	}
	var head struct {
		Variants []Variant `yaml:"variants"`
	}
	if err := yaml.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("lab %s: lab.yaml: %w", id, err)
	}
	v, err := findVariant(id, head.Variants, variant)
	if err != nil {
		return nil, err
	}
	text, err := expandYAML(raw, v.Vars)
	if err != nil {
		return nil, fmt.Errorf("lab %s: lab.yaml: %w", id, err)
	}
	l := &Lab{}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(l); err != nil {
		return nil, fmt.Errorf("lab %s: lab.yaml: %w", id, err)
	}
	l.ID, l.Variant = id, v
	if err := l.fillChanges(); err != nil {
		return nil, fmt.Errorf("lab %s: lab.yaml: %w", id, err)
	}
	for name, to := range map[string]*string{"brief.md": &l.Brief, "debrief.md": &l.Debrief} {
		b, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("lab %s: %w", id, err)
		}
		if *to, err = expand(string(b), v.Vars); err != nil {
			return nil, fmt.Errorf("lab %s: %s: %w", id, name, err)
		}
	}
	if l.Fixes, err = fixes(dir); err != nil {
		return nil, fmt.Errorf("lab %s: %w", id, err)
	}
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("lab %s: %w", id, err)
	}
	return l, nil
}

func findVariant(id string, vs []Variant, name string) (Variant, error) {
	var have []string
	for _, v := range vs {
		if v.ID == name || name == "" {
			return v, nil
		}
		have = append(have, id+"/"+v.ID)
	}
	return Variant{}, &Unknown{Name: id + "/" + name, Have: have}
}

var placeholder = regexp.MustCompile(`\$\{([a-z_]+)\}`)

// expand puts the vars in for their ${names}; an unknown name is an error.
func expand(text string, vars map[string]string) (string, error) {
	var err error
	out := placeholder.ReplaceAllStringFunc(text, func(m string) string {
		v, ok := vars[m[2:len(m)-1]]
		if !ok {
			err = fmt.Errorf("%s is not among the variant's vars", m)
		}
		return v
	})
	return out, err
}

// expandYAML puts the vars into every scalar but the variants' own, after parsing:
// a var may hold line breaks and quotes. A plain ${number} becomes a number.
func expandYAML(raw []byte, vars map[string]string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	var walk func(n *yaml.Node) error
	walk = func(n *yaml.Node) error {
		if n.Kind == yaml.ScalarNode {
			old := n.Value
			var err error
			if n.Value, err = expand(old, vars); err != nil {
				return fmt.Errorf("line %d: %w", n.Line, err)
			}
			if n.Value != old && n.Style == 0 {
				n.Tag = ""
			}
		}
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i > 0 && n.Content[i-1].Value == "variants" {
				continue
			}
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(&doc); err != nil {
		return nil, err
	}
	return yaml.Marshal(&doc)
}

// fixes reads right/*.sh and wrong/*.sh. A wrong one says in its opening comment
// which checks must catch it: "# caught by: v4-slope, v5-limits".
func fixes(dir fs.FS) ([]Fix, error) {
	var out []Fix
	for _, kind := range []string{"right", "wrong"} {
		names, err := fs.Glob(dir, kind+"/*.sh")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			b, err := fs.ReadFile(dir, n)
			if err != nil {
				return nil, err
			}
			f := Fix{Name: strings.TrimSuffix(path.Base(n), ".sh"), Right: kind == "right", Script: string(b)}
			for line := range strings.Lines(f.Script) {
				if rest, ok := strings.CutPrefix(line, "# caught by:"); ok {
					for c := range strings.SplitSeq(rest, ",") {
						f.Catch = append(f.Catch, strings.TrimSpace(c))
					}
				}
			}
			out = append(out, f)
		}
	}
	return out, nil
}
