package metrics

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
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
//
// In the text format, which Prometheus asks for by itself, what is said of accounts is written as it is read; with many accounts
// the library's way would take more memory than all that they do.
func (s *Set) Handler(log *zap.Logger) http.Handler {
	opts := promhttp.HandlerOpts{ErrorLog: complaints{log}, ErrorHandling: promhttp.ContinueOnError}
	whole := promhttp.HandlerFor(s.registry, opts)
	opts.DisableCompression = true
	shared := promhttp.HandlerFor(s.shared, opts)
	room, zips := make(chan struct{}, scrapesAtOnce), &sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
		default:
			http.Error(w, "Too many scrapes at once; try again later.", http.StatusServiceUnavailable)
			return
		}
		if expfmt.NegotiateAccept(r.Header, expfmt.DefaultAcceptedFormats()...).FormatType() != expfmt.TypeTextPlain {
			whole.ServeHTTP(w, r)
			return
		}
		out, end := compressed(w, r, zips)
		shared.ServeHTTP(out, r)
		t := &text{to: out, only: r.URL.Query()["name[]"]}
		for _, f := range s.texts {
			f.text(t)
		}
		if err := errors.Join(t.err, end()); err != nil {
			complaints{log}.Println(err)
		}
	})
	return http.TimeoutHandler(h, scrapeTime, "The scrape takes longer than "+scrapeTime.String()+".\n")
}

// compressed is w, through gzip, a Writer of the pool, if the request takes it. What end does has to be done at the end.
func compressed(w http.ResponseWriter, r *http.Request, zips *sync.Pool) (out http.ResponseWriter, end func() error) {
	w.Header().Add("Vary", "Accept-Encoding")
	takes := strings.FieldsFunc(r.Header.Get("Accept-Encoding"), func(r rune) bool { return r == ',' || r == ' ' })
	if !slices.Contains(takes, "gzip") { // one with a quality may be refused
		return w, func() error { return nil }
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := zips.Get().(*gzip.Writer)
	z.Reset(w)
	return &zipped{w, z}, func() error {
		defer zips.Put(z)
		return z.Close()
	}
}

// zipped is an answer that goes through gzip.
type zipped struct {
	http.ResponseWriter
	to io.Writer
}

func (z *zipped) Write(p []byte) (int, error) { return z.to.Write(p) }

// complaints are logged as warnings.
type complaints struct{ log *zap.Logger }

// Println logs what promhttp has to say.
func (c complaints) Println(v ...any) { c.log.Sugar().Warnln(append([]any{"metrics:"}, v...)...) }
