package deploy

import (
	"errors"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Grafana ignores what it does not know: a misspelt option would be its default, without a word. Its own schema does not.
func TestDashboardKeepsToGrafanasSchema(t *testing.T) {
	t.Parallel()
	runtime := cog.NewRuntime()
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	known := map[string]bool{"row": true}
	for _, panel := range []variants.PanelcfgConfig{
		timeseries.VariantConfig(), stat.VariantConfig(), heatmap.VariantConfig(), table.VariantConfig(),
	} {
		runtime.RegisterPanelcfgVariant(panel)
		known[panel.Identifier] = true
	}
	//lint:ignore SA1019 the form that is deprecated is the one that every Grafana in use imports
	var d dashboard.Dashboard
	// Also what is right gives an error, of no errors.
	var wrong cog.BuildErrors
	if err := d.UnmarshalJSONStrict(read(t, dashboardFile)); err != nil && (!errors.As(err, &wrong) || len(wrong) > 0) {
		t.Error(err)
	}
	for _, p := range readDashboard(t).Panels {
		if !known[p.Type] {
			t.Errorf("%s is a %s, whose options this test does not check", p.Title, p.Type)
		}
	}
}
