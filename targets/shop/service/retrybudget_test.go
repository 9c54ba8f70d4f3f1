package service

import "testing"

func TestRetryBudget(t *testing.T) {
	free := newRetryBudget(0)
	b := newRetryBudget(20)
	allowed := 0
	for range 1000 {
		b.deposit()
		free.deposit()
		if b.withdraw() {
			allowed++
		}
		if !free.withdraw() {
			t.Fatal("no budget refuses")
		}
	}
	if allowed < 200 || allowed > 212 {
		t.Errorf("%d retries for 1000 calls; want a fifth and the savings of 10", allowed)
	}
}
