package admin_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for a browser or a worker.
const patience = 30 * time.Second

// A browser is a headless Chromium that is driven over a pipe by the DevTools protocol. It needs no port and no library.
type browser struct {
	t testing.TB
	*pipe
}

// A pipe is the connection to a browser.
type pipe struct {
	write io.Writer

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// newBrowser starts Chromium. Without one the test is skipped, unless ATTEMPTSTREAM_REQUIRE_TOOLS is set.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		const lacking = "there is no chromium on PATH (apt-get install chromium)"
		if os.Getenv("ATTEMPTSTREAM_REQUIRE_TOOLS") != "" {
			t.Fatal(lacking)
		}
		t.Skip(lacking)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, into, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir())
	c.ExtraFiles = []*os.File{theirs, into} // 3 and 4
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close() // the browser has its own
	_ = into.Close()
	b := &browser{t, &pipe{write: ours, waiting: map[int]chan reply{}}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(answers)
	}()
	t.Cleanup(func() {
		b.call("", "Browser.close", nil, nil) // it writes to its directory until it has ended
		_ = ours.Close()
		_ = c.Wait() // however it ends
		<-read
		_ = answers.Close()
	})
	return b
}

// read takes messages, which end with a zero byte, until the browser ends.
func (b *pipe) read(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		message, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var a reply
		if json.Unmarshal(message[:len(message)-1], &a) != nil || a.ID == 0 {
			continue // an event
		}
		b.mu.Lock()
		to := b.waiting[a.ID]
		delete(b.waiting, a.ID)
		b.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
}

// call asks the browser, or the page of a session.
func (b *browser) call(session, method string, params map[string]any, result any) {
	b.t.Helper()
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	message := map[string]any{"id": b.next, "method": method}
	b.waiting[b.next] = answer
	b.mu.Unlock()
	if params != nil {
		message["params"] = params
	}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.write.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case a := <-answer:
		if a.Error != nil {
			b.t.Fatalf("%s: %s", method, a.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				b.t.Fatalf("%s: %v: %s", method, err, a.Result)
			}
		}
	case <-time.After(patience):
		b.t.Fatalf("%s: no answer from the browser within %s", method, patience)
	}
}

// A tab is an open page.
type tab struct {
	*browser
	session string
}

// A look is how a page is looked at.
type look struct {
	width, height int
	dark          bool
	scale         float64 // 0: 1
}

// in is the browser for a part of the test.
func (b *browser) in(t testing.TB) *browser { return &browser{t, b.pipe} }

// open opens a page.
func (b *browser) open(url string, l look) *tab {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	p := &tab{b, session.SessionID}
	p.look(l)
	p.call(p.session, "Page.enable", nil, nil)
	p.call(p.session, "Page.navigate", map[string]any{"url": url}, nil)
	return p
}

func (p *tab) look(l look) {
	p.t.Helper()
	if l.scale == 0 {
		l.scale = 1
	}
	p.call(p.session, "Emulation.setDeviceMetricsOverride", map[string]any{
		"width": l.width, "height": l.height, "deviceScaleFactor": l.scale, "mobile": l.width < 500}, nil)
	theme := "light"
	if l.dark {
		theme = "dark"
	}
	p.call(p.session, "Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": theme}}}, nil)
}

// eval is the value of an expression, or of its promise, in the page.
func (p *tab) eval(expression string, value any) {
	p.t.Helper()
	var out struct {
		Result struct {
			Value json.RawMessage
		}
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.call(p.session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &out)
	if out.ExceptionDetails != nil {
		p.t.Fatalf("%s\n%s %s", expression, out.ExceptionDetails.Text, out.ExceptionDetails.Exception.Description)
	}
	if value != nil {
		if err := json.Unmarshal(out.Result.Value, value); err != nil {
			p.t.Fatalf("%s: %v: %s", expression, err, out.Result.Value)
		}
	}
}

// until waits until a condition holds in the page.
func (p *tab) until(condition string) {
	p.t.Helper()
	var held bool
	p.eval(fmt.Sprintf(`new Promise((done) => {
		const end = Date.now() + %d;
		(function look() {
			let is = false;
			try { is = (%s); } catch {}
			if (is || Date.now() > end) done(!!is); else setTimeout(look, 25);
		})();
	})`, (patience-5*time.Second).Milliseconds(), condition), &held)
	if !held {
		var text string
		p.eval("document.body.innerText", &text)
		p.t.Fatalf("the page does not come to %s:\n%s", condition, text)
	}
}

// text is all that the page shows.
func (p *tab) text() string {
	p.t.Helper()
	var text string
	p.eval("document.body.innerText", &text)
	return text
}

// picture is the whole page as a PNG, or its first part if it is higher than most; 0: whole.
func (p *tab) picture(most int) []byte {
	p.t.Helper()
	var size struct{ Width, Height int }
	p.eval("({ width: document.documentElement.clientWidth, height: document.documentElement.scrollHeight })", &size)
	if most > 0 && size.Height > most {
		size.Height = most
	}
	var out struct{ Data string }
	p.call(p.session, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "optimizeForSpeed": false,
		"clip": map[string]any{"x": 0, "y": 0, "width": size.Width, "height": size.Height, "scale": 1}}, &out)
	png, err := base64.StdEncoding.DecodeString(out.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return png
}

// in is the tab for a part of the test.
func (p *tab) in(t testing.TB) *tab { return &tab{p.browser.in(t), p.session} }
