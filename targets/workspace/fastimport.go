package workspace

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Scripts for `sh -e`, run in the workspace's directory with a stream on
// standard input. ImportScript makes the repository from FastImport's stream;
// AppendScript adds the commit of Commit.FastImport and checks it out.
const (
	ImportScript = "git init -q -b main . && git fast-import --quiet && git reset -q --hard"
	AppendScript = "git fast-import --quiet && git reset -q --hard"
)

// FastImport returns the whole history as a stream for `git fast-import`: main
// ends at files, and its newest commit is history's first, with every other one
// undone from there. The oldest commit brings all that remains. Commits are
// dated back from now; seed moves the older ones within their working day, so
// that no two installations look alike. Same arguments, same bytes.
func FastImport(now time.Time, seed uint64, files map[string]string, history []Past) ([]byte, error) {
	if len(history) == 0 {
		return nil, fmt.Errorf("history is empty; want at least the commit that begins it")
	}
	// trees[i] is the tree after history[i]
	trees := []map[string]string{files}
	for _, p := range history[:len(history)-1] {
		before, err := p.undo(trees[len(trees)-1])
		if err != nil {
			return nil, err
		}
		trees = append(trees, before)
	}
	dates, err := dates(now, seed, history)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	parent := map[string]string{}
	for i := len(history) - 1; i >= 0; i-- {
		writeCommit(&b, history[i].Commit, dates[i], "", parent, trees[i])
		parent = trees[i]
	}
	return b.Bytes(), nil
}

// FastImport returns the commit as a stream for `git fast-import` that adds it
// to main, whose newest tree is files, together with the tree after it.
func (c Commit) FastImport(when time.Time, files map[string]string) ([]byte, map[string]string, error) {
	after, _, err := Apply(files, c.Edits)
	if err != nil {
		return nil, nil, fmt.Errorf("commit %q: %w", c.Message, err)
	}
	var b bytes.Buffer
	writeCommit(&b, c, when, "refs/heads/main^0", files, after)
	return b.Bytes(), after, nil
}

func writeCommit(b *bytes.Buffer, c Commit, when time.Time, from string, before, after map[string]string) {
	stamp := fmt.Sprintf("%s <%s> %d %s", c.Author.Name, c.Author.Email, when.Unix(), c.Author.Offset)
	message := c.Message + "\n"
	fmt.Fprintf(b, "commit refs/heads/main\nauthor %s\ncommitter %s\ndata %d\n%s", stamp, stamp, len(message), message)
	if from != "" {
		fmt.Fprintf(b, "from %s\n", from)
	}
	for _, f := range slices.Sorted(maps.Keys(before)) {
		if _, kept := after[f]; !kept {
			fmt.Fprintf(b, "D %s\n", f)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(after)) {
		if old, had := before[f]; !had || old != after[f] {
			fmt.Fprintf(b, "M 100644 inline %s\ndata %d\n%s\n", f, len(after[f]), after[f])
		}
	}
	b.WriteString("\n")
}

// recent is the age below which a commit keeps its exact time. Older ones fall
// into the author's working day.
const recent = 3 * 24 * time.Hour

// dates returns each commit's time, newest first like the history.
func dates(now time.Time, seed uint64, history []Past) ([]time.Time, error) {
	out := make([]time.Time, len(history))
	newer := now
	for i, p := range history {
		zone, err := time.Parse("-0700", p.Author.Offset)
		if err != nil {
			return nil, fmt.Errorf("%s has the offset %q; want one like +0100", p.Author.Name, p.Author.Offset)
		}
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %d", seed, i)
		n := h.Sum64()
		t := now.Add(-p.Age).Add(-time.Duration(n%1500) * time.Second).In(zone.Location())
		if p.Age >= recent {
			y, m, d := t.Date()
			t = time.Date(y, m, d, 9+int(n/1500%8), int(n/12000%60), int(n/720000%60), 0, t.Location())
		}
		if latest := newer.Add(-11 * time.Minute); t.After(latest) {
			t = latest
		}
		out[i], newer = t, t
	}
	return out, nil
}
