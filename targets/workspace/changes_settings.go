package workspace

// nameChanges change what names mean, or who is asked for them.
func nameChanges() []Change {
	return []Change{
		{"dns-partner-moves", Commit{Aiko, "dns: the first payment partner has moved\n\nNew address as in their mail of Monday; checkout is made anew to take it.", []Edit{
			{"dns/shop.internal.hosts", netMark + ".30    primary.payments.example", netMark + ".13    primary.payments.example"},
		}}, "docker compose kill -s HUP dns\ndocker compose up -d --force-recreate checkout"},
		{"dns-partner-zone", Commit{Aiko, "dns: partners' names come from their own name server\n\nTheir addresses change without notice; the copies here were old twice.", []Edit{
			{"dns/shop.internal.hosts", netMark + ".30    primary.payments.example\n" + netMark + ".31    backup.payments.example\n", "# payments.example: see dnsmasq.conf\n"},
			{"dns/dnsmasq.conf", "local=/shop.example/\n", "local=/shop.example/\nserver=/payments.example/" + netMark + ".35\n"},
		}}, "docker compose up -d --force-recreate dns\ndocker compose up -d --force-recreate checkout"},
		{"dns-short-names", Commit{Aiko, "dns: the public sites by their short names, eu, us and ap\n\nFor probes from inside: everything below shop.example is the edge.", []Edit{
			{"dns/dnsmasq.conf", "local=/shop.example/\n", "address=/shop.example/" + netMark + ".10\n"},
			{"compose.yaml", "  dns: [\"${SHOP_NET}.53\"]\n", "  dns: [\"${SHOP_NET}.53\"]\n  dns_search: [shop.example]\n  dns_opt: [\"ndots:3\"]\n"},
		}}, up + "\ndocker compose up -d --force-recreate dns"},
	}
}

// settingChanges change the edge, and what runs on the machine jobs.
func settingChanges() []Change {
	const byHost = "    use_backend eu if { req.hdr(host) -i -m beg eu. }\n    use_backend ap if { req.hdr(host) -i -m beg ap. }\n    default_backend us\n"
	const reload = "docker compose exec -T edge haproxy -c -q -f /etc/haproxy/haproxy.cfg && docker compose kill -s USR2 edge"
	oldStats, newStats := cut("config/edge-stats.sh", "# Keeps what the edge has counted", ""), changeText("edge-stats.sh")
	return []Change{
		{"edge-region-map", Commit{Aiko, "edge: regions by a map\n\nThe next region is a line, not a rule.", []Edit{
			{"edge/haproxy.cfg", byHost, "    use_backend %[req.hdr(host),lower,map_beg(/etc/haproxy/regions.map,us)]\n"},
			{"edge/regions.map", "", "# beginning of the host's name, backend\nus. us\neu. ap\nap. ap\n"},
		}}, reload},
		{"edge-region-order", Commit{Aiko, "edge: eu is served by ap while eu-a is short of machines\n\nUntil the new ones are there.", []Edit{
			{"edge/haproxy.cfg", "backend eu\n    balance roundrobin\n    option allbackups\n    server-template eu-a- 1-3 web-eu:8080\n    server-template us-a- 1-3 web-us-a:8080 backup\n    server-template us-b- 1-3 web-us-b:8080 backup\n",
				"backend eu\n    balance roundrobin\n    option allbackups\n    server-template ap-a- 1-3 web-ap:8080\n    server-template eu-a- 1-3 web-eu:8080 backup\n    server-template us-a- 1-3 web-us-a:8080 backup\n    server-template us-b- 1-3 web-us-b:8080 backup\n"},
		}}, reload},
		{"edge-stats-by-the-second", Commit{Maya, "jobs: edge-stats by the second\n\nThe morning's review wants the peaks, which a minute hid. The files are short.", []Edit{
			{"config/edge-stats.sh", oldStats, newStats},
		}}, "docker compose up -d --force-recreate jobs"},
	}
}
