package admin

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed page/index.html
var indexHTML string

//go:embed page/app.css
var appCSS string

//go:embed page/app.js
var appJS string

// A page is the whole page in one piece, and the policy that lets a browser run its script and no other.
type page struct {
	body   []byte
	policy string
}

func newPage() *page {
	body := strings.NewReplacer("/* app.css */", appCSS, "/* app.js */", appJS).Replace(indexHTML)
	return &page{
		body: []byte(body),
		policy: "default-src 'none'; script-src " + digest(appJS) + "; style-src " + digest(appCSS) + "; connect-src 'self'; img-src data:; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// digest names the content of an element in a Content-Security-Policy.
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (s *Server) servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(s.page.body) // as in text
}
