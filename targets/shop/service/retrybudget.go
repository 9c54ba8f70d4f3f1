package service

import "sync"

// retryBudget lets retries be a share of the calls: every call earns a part of
// a retry, every retry costs a whole one. What is saved up is bounded, so that
// an outage cannot spend the savings of an hour.
type retryBudget struct {
	mu      sync.Mutex
	percent int // 0 = no budget, every retry is allowed
	saved   int // in hundredths of a retry
}

const retryBudgetSavings = 10 * 100

func newRetryBudget(percent int) *retryBudget {
	return &retryBudget{percent: percent, saved: retryBudgetSavings}
}

func (b *retryBudget) deposit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saved = min(b.saved+b.percent, retryBudgetSavings)
}

func (b *retryBudget) withdraw() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.percent == 0 {
		return true
	}
	if b.saved < 100 {
		return false
	}
	b.saved -= 100
	return true
}
