package admin_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

var shots = flag.String("shots", "", "directory for pictures of all kinds of pages, to look at")

func lives(perDay float64) imochasim.Lives {
	l := imochasim.DefaultLives(7)
	l.PerDay, l.Speed = perDay, 30
	return l
}

func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("no -shots")
	}
	save := func(name string, png []byte) {
		t.Logf("%s: %d KB", name, len(png)/1024)
		if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := newBrowser(t)
	began := time.Now()
	now := time.Now()
	gaps := []gap{{"default", attempt.Cancelled, now.Add(-11 * time.Hour), 1}, {"default", attempt.Completed, now.Add(-25 * time.Minute), 40}}
	w := newWorld(t, setting{past: 20 * time.Hour, lives: lives(3000), gaps: gaps, lookback: time.Hour})
	t.Log("world after ", time.Since(began))
	p := b.open(w.url, look{width: 1200, height: 900})
	p.until(`document.querySelectorAll(".gap").length > 1 && document.body.innerText.includes("told")`)
	t.Log("gaps after ", time.Since(began))
	w.consume("crm", 2000, false)
	w.consume("reporting", 500, true)
	w.askForLag()
	time.Sleep(15 * time.Second)
	save("gap-light", p.picture(0))
	p.look(look{width: 1200, height: 900, dark: true})
	save("gap-dark", p.picture(0))
	p.look(look{width: 375, height: 800, scale: 2})
	time.Sleep(time.Second)
	save("gap-phone", p.picture(0))
}
