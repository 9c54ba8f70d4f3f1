package monitor

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Name writes labels as PromQL does, the metric's name first; what a terminal would act
// upon is escaped.
func Name(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if k != "__name__" {
			parts = append(parts, Plain(k)+"="+strconv.Quote(labels[k]))
		}
	}
	name := Plain(labels["__name__"])
	if len(parts) > 0 || name == "" {
		name += "{" + strings.Join(parts, ", ") + "}"
	}
	return name
}

// Plain is a text without what a terminal would act upon.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// Print shows a result: a line for each series; a range as its last, least and greatest
// value and a sparkline.
func (r *Result) Print(to io.Writer) error {
	if len(r.Series) == 0 {
		_, err := fmt.Fprintln(to, "no series: nothing has such a name and labels, or nothing is so")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	ranged := r.Type == "matrix"
	if ranged {
		fmt.Fprintln(w, "LAST\tMIN\tMAX\tOLDEST TO NEWEST\tSERIES")
	}
	for _, s := range r.Series {
		if !ranged {
			for _, p := range s.Points {
				fmt.Fprintf(w, "%s\t%s\n", number(p.Value), Name(s.Labels))
			}
			continue
		}
		values := s.values()
		lo, hi := bounds(values)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", short(values[len(values)-1]), short(lo), short(hi), Spark(values), Name(s.Labels))
	}
	return w.Flush()
}

// values are the points' values; what is not a number is NaN.
func (s Series) values() []float64 {
	out := []float64{}
	for _, p := range s.Points {
		v, err := strconv.ParseFloat(p.Value, 64)
		if err != nil {
			v = math.NaN()
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		out = append(out, math.NaN())
	}
	return out
}

// bounds are the least and the greatest of the finite values; NaN without any.
func bounds(values []float64) (lo, hi float64) {
	lo, hi = math.NaN(), math.NaN()
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if !(v >= lo) {
			lo = v
		}
		if !(v <= hi) {
			hi = v
		}
	}
	return lo, hi
}

// Spark draws values as a line of blocks, from the least to the greatest; a value that
// is not finite is a space.
func Spark(values []float64) string {
	const blocks = "▁▂▃▄▅▆▇█"
	lo, hi := bounds(values)
	var b strings.Builder
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b.WriteByte(' ')
			continue
		}
		at := 0
		if hi > lo {
			at = int(math.Round((v - lo) / (hi - lo) * 7))
		}
		b.WriteString(string([]rune(blocks)[at]))
	}
	return b.String()
}

// number shortens a value to what a person reads.
func number(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Plain(s)
	}
	return short(v)
}

func short(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) || v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// PrintAlerts shows alerts, with how long they have been there.
func PrintAlerts(to io.Writer, alerts []Alert, now time.Time) error {
	if len(alerts) == 0 {
		_, err := fmt.Fprintln(to, "no alert is pending or firing")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tFOR\tSEVERITY\tALERT\tWHAT")
	for _, a := range alerts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", Plain(a.State), now.Sub(a.Since).Round(time.Second), Plain(a.Labels["severity"]),
			About(a.Labels), Plain(a.Annotations["summary"]))
	}
	return w.Flush()
}

// About names an alert and what it is about: its labels without its severity.
func About(labels map[string]string) string {
	rest := maps.Clone(labels)
	name := rest["alertname"]
	delete(rest, "alertname")
	delete(rest, "severity")
	if len(rest) == 0 {
		return Plain(name)
	}
	return Plain(name) + Name(rest)
}
