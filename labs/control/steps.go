package control

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/targets/workspace"
)

// bastion runs a shell script in the bastion, in the workspace, and gives what it
// printed. It is what a trainee could have typed.
func (c *Control) bastion(ctx context.Context, script string, stdin io.Reader) (string, error) {
	return c.script(ctx, RoleBastion, script, stdin)
}

// script is bastion for a container like it.
func (c *Control) script(ctx context.Context, role, script string, stdin io.Reader) (string, error) {
	r, err := c.eng.Exec(ctx, Name(c.cfg.ID, role), engine.Command{
		Args: []string{"bash", "-c", script}, WorkDir: workspacePath, Stdin: stdin,
	})
	if err != nil {
		return "", err
	}
	if r.Code != 0 {
		return r.Stdout, fmt.Errorf("exit code %d: %s", r.Code, lastLines(r.Stderr, 5))
	}
	return r.Stdout, nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.Trim(line, "# \n"); line != "" {
			return line
		}
	}
	return ""
}

// take makes one breaking step.
func (c *Control) take(ctx context.Context, s catalog.Step) error {
	if s.Fault != nil {
		_, err := c.uplinks.lay(ctx, *s.Fault, false, c.injectorLost)
		return err
	}
	return c.deploy(ctx, *s.Deploy)
}

// injectorLost keeps on record that an injection broke off by itself.
func (c *Control) injectorLost(why string) {
	c.line.add(Event{Actor: "injector", Kind: "fault", Secret: true, Text: "the fault ended: " + why})
	c.keep.set(func(s *State) { s.InjectorLost = why + " at " + time.Now().Format(time.TimeOnly) })
}

// deploy commits a change to the workspace as its author would, and rolls it out.
func (c *Control) deploy(ctx context.Context, d catalog.Deploy) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	for _, e := range d.Edits {
		e.Old, e.New = workspace.Localize(e.Old, prefix3(c.shop)), workspace.Localize(e.New, prefix3(c.shop))
		if err := c.edit(ctx, e); err != nil {
			return err
		}
	}
	if _, err := c.bastion(ctx, deployScript(d), nil); err != nil {
		return err
	}
	c.line.add(Event{Actor: "system", Kind: "break", Secret: true, Text: "deployed: " + firstLine(d.Message)})
	return nil
}

// edit makes one edit in the workspace.
func (c *Control) edit(ctx context.Context, e catalog.Edit) error {
	name := quote(e.File)
	if e.Old == "" {
		_, err := c.bastion(ctx, "set -eC; mkdir -p -- \"$(dirname -- "+name+")\"; cat > "+name, strings.NewReader(e.New))
		return err
	}
	old, err := c.bastion(ctx, "cat -- "+name, nil)
	if err != nil {
		return err
	}
	want := max(1, e.Times)
	if n := strings.Count(old, e.Old); n != want {
		return fmt.Errorf("%s holds %q %d times; want %d", e.File, e.Old, n, want)
	}
	_, err = c.bastion(ctx, "cat > "+name, strings.NewReader(strings.ReplaceAll(old, e.Old, e.New)))
	return err
}

// deployScript commits what has changed, and runs what the author runs then.
func deployScript(d catalog.Deploy) string {
	script := commitScript(d)
	if d.Up {
		script += "\ndocker compose up -d --quiet-pull"
	}
	if d.Run != "" {
		script += "\n" + d.Run
	}
	return script
}

// commitScript commits what has changed as the deploy's author does: now, and by the
// clock of the place where they made their last commit.
func commitScript(d catalog.Deploy) string {
	name, mail, _ := strings.Cut(strings.TrimSuffix(d.Author, ">"), " <")
	return fmt.Sprintf(`set -e
export GIT_AUTHOR_NAME=%[1]s GIT_AUTHOR_EMAIL=%[2]s GIT_COMMITTER_NAME=%[1]s GIT_COMMITTER_EMAIL=%[2]s
last=$(git log -1 --fixed-strings --author="<$GIT_AUTHOR_EMAIL>" --format=%%ad --date=raw)
export GIT_AUTHOR_DATE="@$(date +%%s) ${last#* }"
export GIT_COMMITTER_DATE="$GIT_AUTHOR_DATE"
git add -A
git commit -q -m %[3]s`, quote(name), quote(mail), quote(d.Message))
}

// quote makes one word of the shell's out of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func splitPath(rel string) []string {
	var out []string
	for part := range strings.SplitSeq(rel, "/") {
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

// ownImage tells which images the trainee may see and run: the shop's, but not
// those that only the hidden parts use.
func (c *Control) ownImage(ref string) bool {
	rest, ok := strings.CutPrefix(ref, c.cfg.Registry+"/")
	if !ok {
		return false
	}
	service, _, _ := strings.Cut(rest, ":")
	return !slices.Contains([]string{"traffic", "payments", "collector", "pager"}, service)
}
