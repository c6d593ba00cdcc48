package admin

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// ServeHTTP answers a request that changes nothing, comes to a name of ours, and from a page of ours or none.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.page.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		text(w, http.StatusMethodNotAllowed, "nothing can be changed here: only GET and HEAD are answered\n")
	case !s.knows(r.Host):
		text(w, http.StatusMisdirectedRequest, "this address answers to localhost only: set ADMIN_ADDR to another one if it is to be reached under its name\n")
	case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
		text(w, http.StatusForbidden, "pages of other sites are not answered\n")
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// knows tells whether a Host header is a name of this server. A web page whose name an attacker points at this machine
// would otherwise be of the same origin as what is served here. Clients that send none are no browsers.
func (s *Server) knows(host string) bool {
	if s.config.Hosts == nil || host == "" {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if name == "localhost" || slices.Contains(s.config.Hosts, name) {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// HostsFor are the Hosts for a server that listens on an address as it was configured: none but this machine's own for
// one of the loopback interface, and all for others.
func HostsFor(configured string, at net.Addr) []string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return nil
	}
	host, _, err := net.SplitHostPort(configured)
	if err != nil || host == "" {
		return []string{}
	}
	return []string{strings.ToLower(host)}
}
