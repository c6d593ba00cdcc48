package admin_test

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"attemptstream/internal/admin"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/worker"
)

var shots = flag.String("shots", "", "directory for pictures of the page in all its moods, to look at: go test ./internal/admin -run Scenes -shots /tmp")

// Whatever there is to show, the page is as wide as the window and no wider, and its text is what the scene is about.
func TestScenes(t *testing.T) {
	b := newBrowser(t)
	for _, scene := range []struct {
		name     string
		accounts func(now time.Time) []worker.Progress
		want     string
	}{
		{"fine", func(now time.Time) []worker.Progress { return []worker.Progress{idle("default", now, 9*24*time.Hour)} }, "is told."},
		{"gap", func(now time.Time) []worker.Progress {
			return []worker.Progress{withGap(withGap(idle("default", now, 26*time.Hour), 2, 25*time.Minute, 70*time.Second), 0, 11*time.Hour, time.Second)}
		}, "could not be read"},
		{"refused", func(now time.Time) []worker.Progress {
			return []worker.Progress{refused(idle("default", now, 48*time.Hour), 50*time.Minute)}
		}, "the key is refused"},
		{"behind", func(now time.Time) []worker.Progress {
			return []worker.Progress{behind(idle("default", now, 40*24*time.Hour), 13*24*time.Hour)}
		}, "Catching up"},
		{"replay", func(now time.Time) []worker.Progress {
			return []worker.Progress{replaying(idle("emea", now, 26*time.Hour)), idle("apac", now, 26*time.Hour)}
		}, "12,318 events told again"},
		{"many", func(now time.Time) []worker.Progress { return many(now) }, "need attention"},
		{"none", func(now time.Time) []worker.Progress { return nil }, "Not connected to Kafka yet."},
		{"young", func(now time.Time) []worker.Progress { return []worker.Progress{idle("default", now, 4*time.Minute)} }, "is told."},
	} {
		t.Run(scene.name, func(t *testing.T) {
			s := admin.New(admin.Config{Version: "1.0.0", Topic: "test-attempts", Progress: work(scene.accounts(time.Now())), Lookback: 7 * 24 * time.Hour,
				Settings: admin.Settings{PollInterval: poll, SettleDelay: settle, RequestTimeout: poll},
				Groups:   func() *groups.Report { return consumers() }})
			admin.Steps(s, 80)
			site := httptest.NewServer(s)
			defer site.Close()
			defer site.CloseClientConnections()
			p := b.in(t).open(site.URL, look{width: 1200, height: 900})
			p.until(`document.body.innerText.includes("` + scene.want + `")`)
			for _, l := range []struct {
				name string
				look
			}{{"light", look{width: 1200, height: 900}}, {"dark", look{width: 1200, height: 900, dark: true}}, {"phone", look{width: 375, height: 800}}} {
				p.look(l.look)
				p.until("innerWidth === " + map[bool]string{true: "375", false: "1200"}[l.name == "phone"])
				var over int
				p.eval(`document.documentElement.scrollWidth - innerWidth`, &over)
				if over > 0 {
					t.Errorf("%s: the page is %d pixels wider than the window", l.name, over)
				}
				if *shots != "" {
					if err := os.WriteFile(filepath.Join(*shots, scene.name+"-"+l.name+".png"), p.picture(2400), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
