package endpoint

import (
	"net/http"
	"strings"
)

// route is one thing the API can do. In a pattern "*" stands for one path
// element and "**" for one or more (image names have slashes); the text each
// stands for is handed to the checks.
type route struct {
	method  string
	pattern string
	verb    string // for the timeline; "" is not recorded
	changes bool
	refuse  string // why it is not to be had
	checks  []check
	trim    trimmer // of the answer; nil: none
}

// check lets a request pass, rewrites it, or says why not.
type check func(s *server, r *http.Request, args []string) error

const (
	noImages = "images are released through the registry; the ones listed by `docker images` are ready to use"
	noSwarm  = "this engine is not part of a swarm"
)

// routes is the whole list; what is not here does not exist.
var routes = []route{
	{method: "GET", pattern: "/_ping"},
	{method: "HEAD", pattern: "/_ping"},
	{method: "GET", pattern: "/version"},
	{method: "GET", pattern: "/info"},
	{method: "GET", pattern: "/events", checks: []check{filterOwn}},

	{method: "GET", pattern: "/containers/json", verb: "list containers", checks: []check{filterOwn}},
	{method: "POST", pattern: "/containers/create", verb: "create container", changes: true, checks: []check{freeName, createContainer}},
	{method: "POST", pattern: "/containers/prune", verb: "prune containers", changes: true, checks: []check{filterOwn}},
	{method: "GET", pattern: "/containers/*/json", verb: "inspect container", checks: []check{ownContainer}},
	{method: "GET", pattern: "/containers/*/logs", verb: "read logs", checks: []check{ownContainer}},
	{method: "GET", pattern: "/containers/*/stats", verb: "read stats", checks: []check{ownContainer}},
	{method: "GET", pattern: "/containers/*/top", verb: "list processes", checks: []check{ownContainer}},
	{method: "GET", pattern: "/containers/*/changes", verb: "list changed files", checks: []check{ownContainer}},
	{method: "GET", pattern: "/containers/*/archive", verb: "copy from container", checks: []check{ownContainer}},
	{method: "HEAD", pattern: "/containers/*/archive", checks: []check{ownContainer}},
	{method: "PUT", pattern: "/containers/*/archive", verb: "copy into container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/start", verb: "start container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/stop", verb: "stop container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/restart", verb: "restart container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/kill", verb: "signal container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/pause", verb: "pause container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/unpause", verb: "unpause container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/rename", verb: "rename container", changes: true, checks: []check{ownContainer, freeName}},
	{method: "POST", pattern: "/containers/*/update", verb: "update container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/wait", checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/resize", checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/attach", verb: "attach to container", checks: []check{ownContainer}},
	{method: "POST", pattern: "/containers/*/exec", verb: "exec in container", changes: true, checks: []check{ownContainer, plainExec}},
	{method: "DELETE", pattern: "/containers/*", verb: "remove container", changes: true, checks: []check{ownContainer}},
	{method: "POST", pattern: "/exec/*/start", checks: []check{ownExec}},
	{method: "POST", pattern: "/exec/*/resize", checks: []check{ownExec}},
	{method: "GET", pattern: "/exec/*/json", checks: []check{ownExec}},

	{method: "GET", pattern: "/networks", verb: "list networks", checks: []check{filterOwn}},
	{method: "POST", pattern: "/networks/create", refuse: "networks belong to the network team; use the ones compose.yaml names"},
	{method: "POST", pattern: "/networks/prune", refuse: "networks belong to the network team"},
	{method: "GET", pattern: "/networks/*", verb: "inspect network", checks: []check{ownNetwork}, trim: trimNetwork},
	{method: "POST", pattern: "/networks/*/connect", verb: "connect network", changes: true, checks: []check{ownNetwork, connectOwn}},
	{method: "POST", pattern: "/networks/*/disconnect", verb: "disconnect network", changes: true, checks: []check{ownNetwork, connectOwn}},
	{method: "DELETE", pattern: "/networks/*", refuse: "networks belong to the network team"},

	{method: "GET", pattern: "/volumes", verb: "list volumes", checks: []check{filterOwn}},
	{method: "POST", pattern: "/volumes/create", verb: "create volume", changes: true, checks: []check{createVolume}},
	{method: "POST", pattern: "/volumes/prune", verb: "prune volumes", changes: true, checks: []check{filterOwn}},
	{method: "GET", pattern: "/volumes/*", verb: "inspect volume", checks: []check{ownVolume}},
	{method: "DELETE", pattern: "/volumes/*", verb: "remove volume", changes: true, checks: []check{ownVolume}},

	{method: "GET", pattern: "/images/json", verb: "list images", checks: []check{filterImages}, trim: trimImages},
	{method: "GET", pattern: "/images/**/json", checks: []check{ownImage}},
	{method: "GET", pattern: "/images/**/history", checks: []check{ownImage}},
	{method: "POST", pattern: "/images/create", refuse: noImages},
	{method: "POST", pattern: "/images/load", refuse: noImages},
	{method: "POST", pattern: "/images/prune", refuse: noImages},
	{method: "POST", pattern: "/build", refuse: noImages},
	{method: "POST", pattern: "/commit", refuse: noImages},
	{method: "DELETE", pattern: "/images/**", refuse: noImages},
	{method: "POST", pattern: "/images/**/tag", refuse: noImages},
	{method: "POST", pattern: "/images/**/push", refuse: noImages},
	{method: "POST", pattern: "/auth", refuse: noImages},
	{method: "POST", pattern: "/swarm/init", refuse: noSwarm},
	{method: "POST", pattern: "/swarm/join", refuse: noSwarm},
}

// match finds the route for a path without its version, and what its stars
// stand for.
func match(method, path string) (*route, []string) {
	for i := range routes {
		if routes[i].method != method {
			continue
		}
		if args, ok := fit(strings.Split(routes[i].pattern, "/"), strings.Split(path, "/")); ok {
			return &routes[i], args
		}
	}
	return nil, nil
}

func fit(pattern, path []string) ([]string, bool) {
	var args []string
	for i, p := range pattern {
		if p == "**" {
			rest := len(pattern) - i - 1
			end := len(path) - rest
			if end <= i {
				return nil, false
			}
			for _, part := range path[i:end] {
				if part == "" || part == "." || part == ".." {
					return nil, false
				}
			}
			tail, ok := fit(pattern[i+1:], path[end:])
			return append(append(args, strings.Join(path[i:end], "/")), tail...), ok
		}
		if i >= len(path) {
			return nil, false
		}
		switch {
		case p == "*" && path[i] != "" && path[i] != "." && path[i] != "..":
			args = append(args, path[i])
		case p != path[i]:
			return nil, false
		}
	}
	return args, len(pattern) == len(path)
}
