package labs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/control"
	"faultlab/labs/grade"
	"faultlab/targets/collector"
)

// Lab is a connection to a running lab's control.
type Lab struct {
	ID      string
	Engine  *engine.Engine
	Config  control.Config
	Resumed bool // control had been stopped and was started again

	base string
	http *http.Client
}

// ready waits until control answers, for at most ten seconds.
func (l *Lab) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		// Its port is another one after the engine has started it again.
		c, err := l.Engine.Inspect(ctx, control.Name(l.ID, control.RoleControl))
		if err == nil {
			l.base = "http://" + c.Ports[control.Port]
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := l.http.Do(req)
		if err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return refuse(fmt.Sprintf("lab %s does not answer", l.ID), "docker logs "+control.Name(l.ID, control.RoleControl)+" says why; faultlab stop "+l.ID+" removes it")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (l *Lab) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, l.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+l.Config.Token)
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask lab %s: %w", l.ID, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		var p control.Progress
		if json.NewDecoder(resp.Body).Decode(&p) != nil || p.Error == "" {
			p.Error = "lab " + l.ID + " answered " + resp.Status
		}
		return nil, refuse(p.Error, p.Hint)
	}
	return resp, nil
}

func (l *Lab) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := l.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

// stream posts and reads progress until the last line, which is given.
func (l *Lab) stream(ctx context.Context, path string, in any, say func(control.Progress)) (control.Progress, error) {
	resp, err := l.do(ctx, http.MethodPost, path, in)
	if err != nil {
		return control.Progress{}, err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var p control.Progress
		err := dec.Decode(&p)
		switch {
		case ctx.Err() != nil:
			return p, ctx.Err()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return p, refuse(fmt.Sprintf("lab %s broke off", l.ID), "docker logs "+control.Name(l.ID, control.RoleControl)+" may say why")
		case err != nil:
			return p, fmt.Errorf("listen to lab %s: %w", l.ID, err)
		case p.Error != "":
			return p, refuse(p.Error, p.Hint)
		case p.Ready != nil || p.Graded != nil:
			return p, nil
		}
		if say != nil {
			say(p)
		}
	}
}

// Brief is what the pager said, and says now.
func (l *Lab) Brief(ctx context.Context) (control.Brief, error) {
	var out control.Brief
	err := l.call(ctx, http.MethodGet, "/v1/brief", nil, &out)
	return out, err
}

// Status is what users got in the last part of the session, 15 seconds or more.
func (l *Lab) Status(ctx context.Context, last time.Duration) (control.Status, error) {
	var out control.Status
	err := l.call(ctx, http.MethodGet, "/v1/status?last="+last.String(), nil, &out)
	return out, err
}

// Traces are the traces that a query chooses.
func (l *Lab) Traces(ctx context.Context, q collector.Query) (collector.List, error) {
	var out collector.List
	err := l.call(ctx, http.MethodPost, "/v1/traces", q, &out)
	return out, err
}

// Trace is the trace whose id begins with some hex digits.
func (l *Lab) Trace(ctx context.Context, id string) (collector.Trace, error) {
	var out collector.Trace
	err := l.call(ctx, http.MethodGet, "/v1/traces/"+url.PathEscape(id), nil, &out)
	return out, err
}

// Timeline is what has happened, without what tells the answer.
func (l *Lab) Timeline(ctx context.Context) ([]control.Event, error) {
	var out []control.Event
	err := l.call(ctx, http.MethodGet, "/v1/timeline", nil, &out)
	return out, err
}

// Note puts a look of the trainee's on the timeline.
func (l *Lab) Note(ctx context.Context, text string) error {
	return l.call(ctx, http.MethodPost, "/v1/note", map[string]string{"text": text}, &struct{}{})
}

// Escalate pages another team and gives its answer.
func (l *Lab) Escalate(ctx context.Context, e control.Escalation) (string, error) {
	var out struct{ Reply string }
	err := l.call(ctx, http.MethodPost, "/v1/escalate", e, &out)
	return out.Reply, err
}

// Diagnose files a diagnosis.
func (l *Lab) Diagnose(ctx context.Context, d grade.Diagnosis) error {
	return l.call(ctx, http.MethodPost, "/v1/diagnosis", d, &struct{}{})
}

// Grade makes every proof, which takes half a minute at fast pace and two at real.
func (l *Lab) Grade(ctx context.Context, say func(control.Progress)) (*grade.Grade, error) {
	p, err := l.stream(ctx, "/v1/grade", nil, say)
	return p.Graded, err
}

// Report is the debrief so far, in Markdown. answers tells what it was, and that
// is kept on record.
func (l *Lab) Report(ctx context.Context, answers bool) (control.Report, error) {
	path := "/v1/report"
	if answers {
		path += "?answers=yes"
	}
	var out control.Report
	err := l.call(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// Exec runs a command in the bastion.
func (l *Lab) Exec(ctx context.Context, c engine.Command) (engine.Result, error) {
	return l.Engine.Exec(ctx, control.Name(l.ID, control.RoleBastion), c)
}

// Shell runs a command on a terminal in the bastion.
func (l *Lab) Shell(ctx context.Context, c engine.Command, first engine.Size, resize <-chan engine.Size) (int, error) {
	return l.Engine.Terminal(ctx, control.Name(l.ID, control.RoleBastion), c, first, resize)
}
