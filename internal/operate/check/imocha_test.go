package check_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/check"
)

func TestIMocha(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world)
		failed int
		items  map[string]string // what failed items say, by a part of their names
	}{
		"a wrong key": {
			func(w *world) { w.cfg.IMocha.Accounts[0].Key = imocha.StaticKey("wrong-and-secret") }, 1,
			map[string]string{"default: key": "IMOCHA_API_KEY"},
		},
		"one of two accounts": {
			func(w *world) {
				w.cfg.IMocha.Accounts = append(w.cfg.IMocha.Accounts, check.Account{Name: "emea", Key: imocha.StaticKey("wrong-and-secret")})
			}, 1, map[string]string{"emea: key": "the key is refused"},
		},
		"a wrong address": {
			func(w *world) { w.cfg.IMocha.BaseURL += "/elsewhere" }, 3, map[string]string{"expired": "IMOCHA_BASE_URL"},
		},
		"the API is down": {
			func(w *world) {
				server := httptest.NewServer(http.NotFoundHandler())
				w.cfg.IMocha.BaseURL = server.URL
				server.Close()
			}, 3, map[string]string{"completed": "refused"},
		},
		"another server": {
			func(w *world) {
				server := httptest.NewServer(http.HandlerFunc(func(r http.ResponseWriter, _ *http.Request) {
					r.Write([]byte("<html>May may@example.com</html>"))
				}))
				t.Cleanup(server.Close)
				w.cfg.IMocha.BaseURL = server.URL
			}, 3, map[string]string{"completed": "IMOCHA_BASE_URL"},
		},
		"a state that fails": {
			func(w *world) {
				err := w.sim.SetFaults(imochasim.Faults{Script: func(_ int, r imochasim.Request) imochasim.Fault {
					if r.State == attempt.Expired {
						return imochasim.Fault{Kind: imochasim.Unavailable}
					}
					return imochasim.Fault{}
				}})
				if err != nil {
					t.Error(err)
				}
			}, 1, map[string]string{"expired": "HTTP 503"},
		},
		"a used up quota": {
			func(w *world) {
				err := w.sim.SetFaults(imochasim.Faults{Rates: map[imochasim.FaultKind]float64{imochasim.TooMany: 1}, RetryAfter: time.Hour})
				if err != nil {
					t.Error(err)
				}
			}, 3, map[string]string{"expired": "IMOCHA_RATE_LIMIT"},
		},
		"a clock that is ahead": {
			func(w *world) { w.cfg.Now = func() time.Time { return time.Now().Add(time.Minute) } }, 1,
			map[string]string{"clock": "1m ahead of the API's, more than STREAM_SETTLE_DELAY (30s)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake(t))
			w.create()
			c.change(w)
			r := w.run()
			failures(t, r, c.failed)
			for item, says := range c.items {
				must(t, r, item, check.Failed, says)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{apiKey, "wrong-and-secret", "may@example.com"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("it tells a secret: %s", text)
				}
			}
		})
	}
	t.Run("a clock that is a little ahead, or behind", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, fake(t))
		w.create()
		for off, says := range map[time.Duration]string{20 * time.Second: "ahead", -time.Minute: "behind"} {
			w.cfg.Now = func() time.Time { return time.Now().Add(off) }
			r := w.run()
			failures(t, r, 0)
			must(t, r, "clock", check.Notice, says)
		}
	})
}
