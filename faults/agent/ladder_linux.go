package agent

// ladder chooses the back-end for an effect beside those that netem carries already.
func (k *linux) ladder(e effect, beside []effect) (string, error) {
	c := k.capabilities()
	queueOK := c.NFQueue.OK && k.backend != "netem"
	why := unfit(c, e, beside)
	if k.backend == "queue" && why == nil {
		why = errorf(NotSupported, "not supported: netem is not to be used")
	}
	switch {
	case why == nil && (e.seed == 0 || !e.random() || !queueOK): // netem cannot repeat a sequence
		return "netem", nil
	case queueOK:
		return "queue", nil
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
	case e.in != nil && !c.NetemIn.OK:
		return no("", c.NetemIn)
	}
	if err := plannable(beside, e); err != nil {
		return no("", Capability{Detail: err.Error()})
	}
	return nil
}
