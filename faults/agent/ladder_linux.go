package agent

// ladder chooses the back-end for an effect beside those that netem carries already.
func (k *linux) ladder(e effect, beside []effect) (string, error) {
	c := k.capabilities()
	queueOK := c.NFQueue.OK && k.backend != "netem"
	why := unfit(c, e, beside)
	if k.backend == "queue" && why == nil {
		why = errorf(NotSupported, "not supported: netem is not to be used")
	}
	repeat := e.seed != 0 && e.random() // netem cannot
	switch {
	case why == nil && (!repeat || e.spare && !queueOK):
		return "netem", nil
	case queueOK:
		return "queue", nil
	case why == nil:
		why = &Error{Code: NotSupported, Message: "not supported: netem cannot repeat the choices of a seed", Remedy: "leave the seed out"}
	}
	why.Message += "; " + c.NFQueue.Detail
	why.Remedy = joinReason(why.Remedy, c.NFQueue.Remedy)
	return "", why
}

// unfit says why netem cannot carry an effect beside others; nil: it can.
func unfit(c Capabilities, e effect, beside []effect) *Error {
	no := func(what string, c Capability) *Error {
		return &Error{Code: NotSupported, Message: "not supported: " + what + c.Detail, Remedy: c.Remedy}
	}
	switch {
	case !c.Netem.OK:
		return no("", c.Netem)
	case e.exact():
		return no("netem cannot lose an exact count of packets", Capability{})
	case e.link().rate > 0 && !c.Netem.bucket:
		return no("rates are limited by sch_tbf with netem, which is missing", Capability{Remedy: "load the kernel module sch_tbf"})
	case e.link().rate > 0 && e.out == nil && (e.match.proto == "tcp" || e.match.port != 0 && e.match.port != 53):
		return no("what answers a SYN is too small to fill a link of netem's, so that its rate cannot be proved", Capability{Remedy: "leave the port and the protocol out of the peer, or limit what the target sends"})
	case e.in != nil && !c.NetemIn.OK:
		return no("", c.NetemIn)
	}
	if err := plannable(beside, e); err != nil {
		return no("", Capability{Detail: err.Error()})
	}
	return nil
}
