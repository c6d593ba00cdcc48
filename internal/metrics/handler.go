package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

const (
	// scrapeTime bounds a scrape. One takes milliseconds; Prometheus gives up after ten seconds by itself.
	scrapeTime = 10 * time.Second
	// scrapesAtOnce is some Prometheus servers and a person with a browser.
	scrapesAtOnce = 8
)

// Handler answers scrapes. It works as long as the process, also while the worker stops and after that. What can be had
// is shown even if something cannot.
func (s *Set) Handler(log *zap.Logger) http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog:            complaints{log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
		Timeout:             scrapeTime,
	})
}

// complaints are logged as warnings.
type complaints struct{ log *zap.Logger }

// Println logs what promhttp has to say.
func (c complaints) Println(v ...any) { c.log.Sugar().Warnln(append([]any{"metrics:"}, v...)...) }
