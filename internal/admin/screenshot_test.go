package admin_test

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

var update = flag.Bool("update", false, "make the pictures of the README anew: docs/status.png and docs/status-dark.png")

// mostPicture bounds the pictures of the README.
const mostPicture = 200 << 10

// Makes the README's pictures from a worker that has read a day of a simulated API with two gaps, and is followed by two
// consumer groups. It takes some minutes: the page remembers how fast it was.
func TestScreenshot(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	names := map[string]bool{"status.png": false, "status-dark.png": true}
	if !*update {
		for name := range names {
			info, err := os.Stat(filepath.Join(docs, name))
			if err != nil || info.Size() > mostPicture {
				t.Errorf("%s: %v; go test ./internal/admin -run Screenshot -update makes it", name, err)
			}
		}
		return
	}
	b := newBrowser(t)
	now := time.Now().Truncate(time.Second)
	people := imochasim.DefaultLives(3)
	people.PerDay, people.Speed, people.Malformed, people.BurstsPerDay = 600, 40, .0001, 0
	w := newWorld(t, setting{past: 20 * time.Hour, lives: people, lookback: 2 * time.Hour, gaps: []gap{
		{"default", attempt.Cancelled, now.Add(-11 * time.Hour), 1},
		{"default", attempt.Completed, now.Add(-27 * time.Minute), 15},
	}})
	w.consume("crm", 4000, true)
	w.consume("reporting-nightly", 900, false)
	p := b.open(w.url, look{width: 1040, height: 900})
	time.Sleep(3 * time.Minute) // this is no test: nothing is waited for but the picture of a rate
	w.askForLag()
	p.until(`document.querySelector("table")`)
	var height int
	p.eval(`Math.floor(document.getElementById("h-problems").closest("section").getBoundingClientRect().top)`, &height)
	if err := os.MkdirAll(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, dark := range names {
		p.look(look{width: 1040, height: 900, dark: dark})
		picture := smaller(t, p.picture(height))
		if len(picture) > mostPicture {
			t.Errorf("%s has %d KiB", name, len(picture)>>10)
		}
		if err := os.WriteFile(filepath.Join(docs, name), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// smaller is the same picture in fewer bytes.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	if out.Len() > len(picture) {
		return picture
	}
	return out.Bytes()
}
