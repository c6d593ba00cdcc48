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
	index   map[string]figures // by account: of those that it owns or has owned
}

// scraped are the metrics of the process, and those of an account, by the names that figures have here.
var (
	ofProcess = map[string]string{"heap": "go_memstats_heap_inuse_bytes", "goroutines": "go_goroutines"}
	ofAccount = map[string]string{"bytes": "attemptstream_index_bytes", "ids": "attemptstream_index_entries"}
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
	s := &scrape{process: figures{}, index: map[string]figures{}}
	for name, metric := range ofProcess {
		family := families[metric]
		if family == nil {
			return nil, fmt.Errorf("/metrics has no %s", metric)
		}
		s.process[name] = family.Metric[0].GetGauge().GetValue()
	}
	for name, metric := range ofAccount {
		for _, m := range families[metric].GetMetric() {
			account := labelOf(m, "account")
			if s.index[account] == nil {
				s.index[account] = figures{}
			}
			s.index[account][name] = m.GetGauge().GetValue()
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
