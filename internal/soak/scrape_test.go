//go:build linux

package soak_test

import (
	"context"
	"fmt"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A scrape is what a worker's /metrics says.
type scrape struct {
	process figures
	account map[string]figures // by account: of those that it owns or has owned
}

// through is the second up to which all states of an account are covered.
const through = "through"

// scraped are the metrics of the process, and those of an account, by the names that figures have here.
var (
	ofProcess = map[string]string{"heap": "go_memstats_heap_inuse_bytes", "goroutines": "go_goroutines"}
	ofAccount = map[string]string{"bytes": "attemptstream_index_bytes", "ids": "attemptstream_index_entries", through: "attemptstream_covered_through_timestamp_seconds"}
)

func scrapeFrom(ctx context.Context, client *http.Client, url string) (*scrape, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics answers %s", res.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return nil, err
	}
	s := &scrape{process: figures{}, account: map[string]figures{}}
	for name, metric := range ofProcess {
		family := families[metric]
		if family == nil {
			return nil, fmt.Errorf("/metrics has no %s", metric)
		}
		s.process[name] = family.Metric[0].GetGauge().GetValue()
	}
	for name, metric := range ofAccount {
		for _, m := range families[metric].GetMetric() {
			account, value := labelOf(m, "account"), m.GetGauge().GetValue()
			if s.account[account] == nil {
				s.account[account] = figures{}
			}
			if old, ok := s.account[account][name]; ok { // of another state
				value = min(value, old)
			}
			s.account[account][name] = value
		}
	}
	return s, nil
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
