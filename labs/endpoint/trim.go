package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// trimmer takes out of an answer of the engine what is not the trainee's to see.
type trimmer func(s *server, ctx context.Context, answer any) error

type trimKey struct{}

// trim edits the answers of routes that have a trimmer.
func (s *server) trim(resp *http.Response) error {
	ctx := resp.Request.Context()
	t, ok := ctx.Value(trimKey{}).(trimmer)
	if !ok || resp.StatusCode != http.StatusOK {
		return nil
	}
	defer resp.Body.Close()
	var answer any
	dec := json.NewDecoder(io.LimitReader(resp.Body, 16<<20))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return err
	}
	box := []any{answer}
	if err := t(s, ctx, box); err != nil {
		return err
	}
	out, err := json.Marshal(box[0])
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(out))
	resp.ContentLength = int64(len(out))
	resp.TransferEncoding = nil
	resp.Header.Set("Content-Length", fmt.Sprint(len(out)))
	return nil
}

// trimNetwork leaves out the containers of a network that are hidden.
func trimNetwork(s *server, ctx context.Context, answer any) error {
	net, _ := answer.([]any)[0].(map[string]any)
	members, _ := net["Containers"].(map[string]any)
	if len(members) == 0 {
		return nil
	}
	filters := fmt.Sprintf(`{"label":[%q,%q]}`, LabelLab+"="+s.Lab, LabelVisible+"=yes")
	var own []struct{ ID string }
	code, err := s.get(ctx, "/containers/json?all=1&filters="+url.QueryEscape(filters), &own)
	if err != nil || code != http.StatusOK {
		return fmt.Errorf("list the lab's containers: status %d, %w", code, err)
	}
	kept := map[string]any{}
	for _, c := range own {
		if m, ok := members[c.ID]; ok {
			kept[c.ID] = m
		}
	}
	net["Containers"] = kept
	return nil
}

// trimImages leaves out the images that only hidden parts use.
func trimImages(s *server, _ context.Context, answer any) error {
	box := answer.([]any)
	all, _ := box[0].([]any)
	kept := []any{}
	for _, i := range all {
		img, _ := i.(map[string]any)
		tags, _ := img["RepoTags"].([]any)
		own := []any{}
		for _, t := range tags {
			if ref, ok := t.(string); ok && s.Images(ref) {
				own = append(own, ref)
			}
		}
		if len(own) > 0 {
			img["RepoTags"] = own
			kept = append(kept, img)
		}
	}
	box[0] = kept
	return nil
}
