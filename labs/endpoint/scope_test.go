package endpoint_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/endpoint"
)

func TestScope(t *testing.T) {
	l := open(t)
	ctx := t.Context()
	strangers := []string{l.hidden.Name, l.hidden.ID, l.hidden.ID[:12], l.foreign.Name, l.foreign.ID, l.foreign.ID[:12], "nobody"}
	secret := func(s string) bool {
		return strings.Contains(s, l.hidden.ID) || strings.Contains(s, l.hidden.Name) || strings.Contains(s, l.foreign.ID) || strings.Contains(s, l.foreign.Name)
	}

	t.Run("lists show the lab's own", func(t *testing.T) {
		for _, prefix := range []string{"", "/v1.41"} {
			for _, target := range []string{
				"/containers/json?all=1", `/containers/json?all=1&filters={"label":{"faultlab.lab=other":true}}`,
				`/containers/json?filters=%7B%22label%22%3A%5B%22faultlab.lab%22%5D%7D`, `/containers/json?all=1&filters={"name":["` + l.hidden.Name + `"]}`,
				"/containers/json?all=1&filters=&filters={}", "/networks", "/volumes", "/images/json?all=1", "/images/json?filters={}",
			} {
				code, body := l.ask(t, "GET", prefix+strings.ReplaceAll(target, " ", ""), "")
				if code != 200 || secret(body) || strings.Contains(body, l.id+"_else") || strings.Contains(body, l.id+"_state") || strings.Contains(body, "/traffic:1") {
					t.Errorf("GET %s: %d %s", prefix+target, code, body)
				}
			}
		}
		cs, err := l.scoped.List(ctx)
		if err != nil || len(cs) != 2 {
			t.Errorf("list: %v, %v; want the web and the bastion", cs, err)
		}
		code, body := l.ask(t, "GET", "/networks/"+l.id+"_shop", "")
		if code != 200 || secret(body) || !strings.Contains(body, l.own.ID) {
			t.Errorf("network: %d %s", code, body)
		}
		if code, body = l.ask(t, "GET", "/images/json", ""); !strings.Contains(body, image) {
			t.Errorf("images: %d %s; want %s", code, body, image)
		}
	})

	t.Run("what is not the lab's does not exist", func(t *testing.T) {
		routes := []string{
			"GET /containers/%s/json", "GET /containers/%s/logs?stdout=1", "GET /containers/%s/stats?stream=0", "GET /containers/%s/top", "GET /containers/%s/changes",
			"GET /containers/%s/archive?path=/", "HEAD /containers/%s/archive?path=/", "PUT /containers/%s/archive?path=/", "POST /containers/%s/start", "POST /containers/%s/stop",
			"POST /containers/%s/restart", "POST /containers/%s/kill", "POST /containers/%s/pause", "POST /containers/%s/unpause", "POST /containers/%s/rename?name=x",
			"POST /containers/%s/update", "POST /containers/%s/wait", "POST /containers/%s/resize?h=1&w=1", "POST /containers/%s/attach?stdout=1", "POST /containers/%s/exec",
			"DELETE /containers/%s?force=1",
		}
		for _, who := range strangers {
			for _, r := range routes {
				method, target, _ := strings.Cut(fmt.Sprintf(r, who), " ")
				for _, prefix := range []string{"", "/v1.41"} {
					if code, body := l.ask(t, method, prefix+target, "{}"); code != 404 {
						t.Errorf("%s %s: %d %s; want 404", method, target, code, body)
					}
				}
			}
		}
		for _, target := range []string{"/networks/" + l.id + "_else", "/volumes/" + l.id + "_state", "/volumes/" + l.id + "-foreign", "/images/" + unseen + "/json", "/images/" + l.hidden.ImageID + "/json", "/images/" + l.hidden.ImageID[7:19] + "/json", "/exec/" + l.own.ID + "/json"} {
			if code, body := l.ask(t, "GET", target, ""); code != 404 {
				t.Errorf("GET %s: %d %s; want 404", target, code, body)
			}
		}
		for _, body := range []string{fmt.Sprintf(`{"Container":%q}`, l.hidden.Name), fmt.Sprintf(`{"container":%q}`, l.foreign.ID), fmt.Sprintf(`{"Container":%q,"container":%q}`, l.own.ID, l.hidden.ID), `{"Container":{}}`} {
			if code, got := l.ask(t, "POST", "/networks/"+l.id+"_shop/disconnect", body); code != 404 && code != 400 {
				t.Errorf("disconnect %s: %d %s", body, code, got)
			}
		}
		for _, c := range []engine.Container{l.hidden, l.foreign} {
			if now, err := l.e.Inspect(ctx, c.ID); err != nil || !now.Running() || len(now.Networks) != 1 || now.Name != c.Name {
				t.Errorf("%s was touched: %+v, %v", c.Name, now, err)
			}
		}
		if _, err := l.e.Inspect(ctx, l.own.ID); err != nil {
			t.Error(err)
		}
	})

	t.Run("odd paths", func(t *testing.T) {
		for _, target := range []string{
			"//containers/json", "/containers//json", "/containers/./json", "/containers/../containers/" + l.hidden.ID + "/json", "/containers/%2e%2e/json", "/containers/%2E%2E/containers/x/json",
			"/images/" + image + "/../../../../containers/" + l.hidden.ID + "/json", "/images/" + image + "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/containers/" + l.hidden.ID + "/json",
			"/containers/" + l.own.ID + "%2F..%2F" + l.hidden.ID + "/json", "/v1.41/v1.41/containers/json", "/v1.41//info", "/v2.0/info", "/v1.x/info", "/V1.41/info", "/CONTAINERS/json",
			"/containers/" + l.own.ID + "/json/", "/containers/" + l.own.ID + "/export", "/containers/" + l.own.ID + "/attach/ws", "/containers/" + l.own.ID + "/checkpoints",
			"/plugins", "/swarm", "/nodes", "/services", "/secrets", "/configs", "/system/df", "/session", "/grpc", "/distribution/x/json", "/", "/debug/pprof/", "/metrics",
			"/containers/" + l.hidden.ID + "%2Fjson", "/containers/" + l.hidden.ID[:20] + "%00/json",
		} {
			code, body := l.ask(t, "GET", target, "")
			if code < 400 || strings.Contains(body, l.hidden.Image) || strings.Contains(body, "Mountpoint") {
				t.Errorf("GET %s: %d %s", target, code, body)
			}
		}
		for _, v := range []string{"1.12", "1.18", "1.23", "1.24", "1.40", "1.00041x", "1.99999999999999999999"} {
			code, body := l.ask(t, "POST", "/v"+v+"/containers/"+l.own.ID+"/start", `{"Binds":["/:/host"],"Privileged":true}`)
			if code < 400 {
				t.Errorf("start by v%s with settings: %d %s", v, code, body)
			}
		}
		for _, m := range []string{"POST /build", "POST /images/create?fromImage=x", "POST /commit?container=" + l.own.ID, "DELETE /images/" + image, "POST /networks/create", "POST /networks/prune", "DELETE /networks/" + l.id + "_shop", "POST /swarm/init", "POST /images/" + image + "/tag?repo=x", "TRACE /info", "POST /containers/json"} {
			method, target, _ := strings.Cut(m, " ")
			code, body := l.ask(t, method, target, "")
			var said struct{ Message string }
			if code != 403 || json.Unmarshal([]byte(body), &said) != nil || len(said.Message) < 10 {
				t.Errorf("%s: %d %s; want 403 and why", m, code, body)
			}
		}
	})

	t.Run("a form in the body does not overrule the query", func(t *testing.T) {
		spare := l.run(t, l.id+"-spare", image, map[string]string{endpoint.LabelLab: "other", "faultlab.test": l.id})
		if err := l.e.Stop(ctx, spare.ID, 0); err != nil {
			t.Fatal(err)
		}
		for _, ct := range []string{"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=x", "multipart/form-data; boundary=b"} {
			code, body := l.ask(t, "POST", "/containers/prune", `filters={"label":{"faultlab.test=`+l.id+`":true}}`, "Content-Type: "+ct)
			if code != 415 {
				t.Errorf("%s: %d %s", ct, code, body)
			}
		}
		if code, body := l.ask(t, "POST", `/containers/prune?filters={"label":{"faultlab.test=`+l.id+`":true}}`, ""); code != 200 {
			t.Errorf("prune: %d %s", code, body)
		}
		if _, err := l.e.Inspect(ctx, spare.ID); err != nil {
			t.Errorf("another's container was pruned: %v", err)
		}
	})

	t.Run("the bastion is left alone", func(t *testing.T) {
		for _, m := range []string{"POST /containers/%s/exec", "POST /containers/%s/stop", "DELETE /containers/%s?force=1", "PUT /containers/%s/archive?path=/"} {
			method, target, _ := strings.Cut(fmt.Sprintf(m, l.bastion.Name), " ")
			if code, body := l.ask(t, method, target, "{}"); code != 403 {
				t.Errorf("%s: %d %s", m, code, body)
			}
		}
		if code, body := l.ask(t, "POST", "/networks/"+l.id+"_shop/disconnect", fmt.Sprintf(`{"Container":%q}`, l.bastion.ID)); code != 403 {
			t.Errorf("disconnect: %d %s", code, body)
		}
	})

	t.Run("exec streams both ways and half-closes", func(t *testing.T) {
		r, err := l.scoped.Exec(ctx, l.own.Name, engine.Command{Args: []string{"/self", "upper"}, Stdin: strings.NewReader("one\ntwo\n")})
		if err != nil || r.Code != 7 || r.Stdout != "ONE\nTWO\nend of input\n" {
			t.Errorf("got %+v, %v", r, err)
		}
		if !l.did("exec in container", true) {
			t.Error("the exec was not recorded")
		}
		if _, err := l.scoped.Exec(ctx, l.hidden.Name, engine.Command{Args: []string{"/self", "upper"}}); !engine.IsNotFound(err) {
			t.Errorf("exec in a hidden container: %v", err)
		}
		for _, body := range []string{`{"Cmd":["/self"],"Privileged":true}`, `{"Cmd":["/self"],"privileged":true}`, `{"Privileged":false,"PRIVILEGED":true}`, `{"Privileged":"true"}`, `{"Privileged":false,"privileged":true}`} {
			if code, got := l.ask(t, "POST", "/containers/"+l.own.ID+"/exec", body); code != 403 && code != 400 {
				t.Errorf("%s: %d %s", body, code, got)
			}
		}
	})

	t.Run("logs and events stream", func(t *testing.T) {
		pr, pw := io.Pipe()
		follow, stop := context.WithTimeout(ctx, 10*time.Second)
		defer stop()
		go func() { pw.CloseWithError(l.scoped.Logs(follow, l.own.Name, pw, time.Now(), true, false)) }()
		lines := bufio.NewScanner(pr)
		for n := 0; n < 3; n++ {
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), "tick") {
				t.Fatalf("line %d: %q, %v", n, lines.Text(), lines.Err())
			}
		}
		events := l.scoped.Events(follow)
		time.AfterFunc(300*time.Millisecond, func() {
			l.e.Restart(ctx, l.hidden.ID, 0)
			l.e.Restart(ctx, l.foreign.ID, 0)
			l.e.Restart(ctx, l.own.ID, 0)
		})
		for ev := range events {
			if ev.ID == l.hidden.ID || ev.ID == l.foreign.ID {
				t.Errorf("saw %+v", ev)
			}
			if ev.ID == l.own.ID && ev.Action == "start" {
				stop()
			}
		}
		if follow.Err() == context.DeadlineExceeded {
			t.Error("no event of the own container")
		}
	})

	t.Run("an upgrade is not a way around", func(t *testing.T) {
		c, err := net.Dial("unix", l.sock)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprint(c, "GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		r := bufio.NewReader(c)
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("%q, %v", line, err)
		}
		// On the same connection, the next request is looked at again.
		fmt.Fprintf(c, "GET /containers/%s/json HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", l.hidden.ID)
		rest, _ := io.ReadAll(r)
		if !strings.Contains(string(rest), "404") || strings.Contains(string(rest), l.hidden.Image) {
			t.Errorf("got %s", rest)
		}
	})

	t.Run("raising a limit is a change on the record", func(t *testing.T) {
		code, body := l.ask(t, "POST", "/containers/"+l.own.ID+"/update", `{"Memory":67108864,"MemorySwap":67108864}`)
		c, err := l.e.Inspect(ctx, l.own.ID)
		if code != 200 || err != nil || c.MemoryLimit != 64<<20 || !l.did("update container", true) {
			t.Errorf("%d %s; %+v, %v", code, body, c, err)
		}
	})
}
