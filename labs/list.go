package labs

import "faultlab/labs/catalog"

// ScenarioInfo is one scenario with the number of labs behind it.
type ScenarioInfo struct {
	catalog.Scenario
	Labs int `json:"labs"`
}

// LabInfo is one lab as facilitators see it.
type LabInfo struct {
	ID         string `json:"id"`
	Scenario   string `json:"scenario"`
	Title      string `json:"title"`
	Mode       string `json:"mode"`
	Difficulty int    `json:"difficulty"` // 1 (easy) to 5
	Minutes    int    `json:"minutes"`    // a trainee needs about
	Variants   int    `json:"variants"`
}

// Catalog lists the labs.
func Catalog() ([]LabInfo, error) {
	out := []LabInfo{}
	for _, id := range catalog.IDs() {
		l, err := catalog.Load(id, "")
		if err != nil {
			return nil, err
		}
		out = append(out, LabInfo{l.ID, l.Scenario, l.Title, l.Mode, l.Difficulty, l.Minutes, len(l.Variants)})
	}
	return out, nil
}

// Scenarios lists the scenarios.
func Scenarios() ([]ScenarioInfo, error) {
	all, err := Catalog()
	if err != nil {
		return nil, err
	}
	var out []ScenarioInfo
	for _, s := range catalog.Scenarios {
		info := ScenarioInfo{Scenario: s}
		for _, l := range all {
			if l.Scenario == s.ID {
				info.Labs++
			}
		}
		out = append(out, info)
	}
	return out, nil
}
