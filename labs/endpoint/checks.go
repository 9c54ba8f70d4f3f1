package endpoint

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func notFound(kind, name string) error {
	return &refusal{http.StatusNotFound, fmt.Sprintf("No such %s: %s", kind, name)}
}

func forbidden(format string, a ...any) error {
	return &refusal{http.StatusForbidden, fmt.Sprintf(format, a...)}
}

func ownImage(s *server, r *http.Request, args []string) error {
	if s.Images(args[0]) {
		return nil
	}
	// By id, as clients ask for what a container was made from.
	var img struct{ RepoTags []string }
	code, err := s.get(r.Context(), "/images/"+url.PathEscape(args[0])+"/json", &img)
	if err != nil {
		return err
	}
	if code != http.StatusOK || !slices.ContainsFunc(img.RepoTags, s.Images) {
		return notFound("image", args[0])
	}
	return nil
}

func (s *server) containerLabels(r *http.Request, name string) (map[string]string, error) {
	var c struct {
		Name   string
		Config struct{ Labels map[string]string }
	}
	code, err := s.get(r.Context(), "/containers/"+url.PathEscape(name)+"/json", &c)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK || !s.own(c.Config.Labels) {
		return nil, notFound("container", name)
	}
	s.names.Store(name, strings.TrimPrefix(c.Name, "/"))
	return c.Config.Labels, nil
}

func ownContainer(s *server, r *http.Request, args []string) error {
	labels, err := s.containerLabels(r, args[0])
	if err == nil && labels[LabelRole] == "bastion" && r.Method != http.MethodGet {
		return forbidden("the bastion is run by the platform team")
	}
	return err
}

func ownExec(s *server, r *http.Request, args []string) error {
	var x struct{ ContainerID string }
	code, err := s.get(r.Context(), "/exec/"+url.PathEscape(args[0])+"/json", &x)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return notFound("exec instance", args[0])
	}
	labels, err := s.containerLabels(r, x.ContainerID)
	if err == nil && labels[LabelRole] == "bastion" {
		return notFound("exec instance", args[0])
	}
	return err
}

// reserved are the names of a lab's own parts, of any lab.
var reserved = regexp.MustCompile(`^/?[a-z][a-z0-9]{1,15}_(control|agent|traffic|partner|backup|collector|bastion|deploy|sweeper|state|run|workspace|traces|shop|users)$`)

// freeName refuses names that a lab's own parts have or will have.
func freeName(_ *server, r *http.Request, _ []string) error {
	if name := r.URL.Query().Get("name"); reserved.MatchString(name) {
		return forbidden("the name %s is not available here", name)
	}
	return nil
}

func ownNetwork(s *server, r *http.Request, args []string) error {
	return ownLabelled(s, r, "network", "/networks/", args[0])
}

func ownVolume(s *server, r *http.Request, args []string) error {
	return ownLabelled(s, r, "volume", "/volumes/", args[0])
}

func ownLabelled(s *server, r *http.Request, kind, base, name string) error {
	var o struct{ Labels map[string]string }
	code, err := s.get(r.Context(), base+url.PathEscape(name), &o)
	if err != nil {
		return err
	}
	if code != http.StatusOK || !s.own(o.Labels) {
		return notFound(kind, name)
	}
	return nil
}
