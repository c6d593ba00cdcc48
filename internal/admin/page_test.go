package admin_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
)

// The page of a real worker, which reads a simulated API that never shows one second of one state.
func TestPage(t *testing.T) {
	b := newBrowser(t)
	second := time.Now().Truncate(time.Second).Add(-time.Minute)
	w := newWorld(t, setting{past: 3 * time.Minute, lives: lively(), widest: 4 * time.Second, lookback: time.Minute,
		gaps: []gap{{string(attempt.DefaultAccount), attempt.Completed, second, 1}}})
	p := b.open(w.url, look{width: 1200, height: 900})

	t.Run("it shows the gap", func(t *testing.T) {
		p := p.in(t)
		p.until(`document.querySelector(".gap") && document.querySelector("h1").textContent.endsWith("could not be read.")`)
		p.until(`document.querySelector('[aria-label^="completed: read from"]').ariaLabel.includes("1 gap")`)
		p.until(`document.querySelector('[aria-label^="expired: read from"]').ariaLabel.includes("no gaps")`)
		p.until(`document.querySelector(".past-problems").innerText.includes("HTTP 500")`)
		text := p.text()
		for _, want := range []string{"Needs attention", "of completed from", "Last problems"} {
			if !strings.Contains(text, want) {
				t.Errorf("it does not say %q:\n%s", want, text)
			}
		}
	})
	t.Run("it follows by itself", func(t *testing.T) {
		p := p.in(t)
		p.eval(`window.mark = "not loaded again"`, nil)
		const told = `document.querySelectorAll(".state .through")[0].firstChild.textContent`
		for range 3 {
			var before string
			p.eval(told, &before)
			p.until(fmt.Sprintf("%s !== %q", told, before))
		}
		p.until(`window.mark === "not loaded again"`)
		if err := w.sim.SetFaults(noFaults()); err != nil {
			t.Fatal(err)
		}
		p.until(`!document.querySelector(".state .gap") && document.querySelector("h1").textContent.endsWith("is told.")`)
		p.until(`window.mark === "not loaded again"`)
	})
	t.Run("consumer groups", func(t *testing.T) {
		p := p.in(t)
		w.consume("crm", 3, false)
		w.askForLag()
		p.until(`document.querySelector("table").innerText.includes("crm")`)
	})
	t.Run("nobody is on it", func(t *testing.T) { nobody(t, p.in(t), w) })
	for _, l := range []look{{width: 1200, height: 900}, {width: 1200, height: 900, dark: true}, {width: 375, height: 800}, {width: 375, height: 800, dark: true}} {
		t.Run(fmt.Sprintf("%d pixels, dark %v", l.width, l.dark), func(t *testing.T) {
			p := p.in(t)
			p.look(l)
			p.until(fmt.Sprintf(`innerWidth === %d && matchMedia("(prefers-color-scheme: dark)").matches === %v`, l.width, l.dark))
			accessible(t, p)
			var over int
			if p.eval(`document.documentElement.scrollWidth - innerWidth`, &over); over > 0 {
				t.Errorf("the page is %d pixels wider than the window", over)
			}
		})
	}
	t.Run("the connection is lost and found", func(t *testing.T) {
		p := p.in(t)
		w.away.Store(true)
		w.site.CloseClientConnections()
		p.until(`document.getElementById("link-text").textContent.startsWith("connection lost, as of ")`)
		w.away.Store(false)
		p.until(`document.getElementById("link-text").textContent === "live" && window.mark === "not loaded again"`)
	})
	t.Run("it asks nobody else", func(t *testing.T) {
		p := p.in(t)
		var others []string
		p.eval(`performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith(location.origin) && !n.startsWith("data:"))`, &others)
		if len(others) > 0 {
			t.Errorf("it asks for %q", others)
		}
	})
}

// nobody looks for what the API said of people in all that is served.
func nobody(t *testing.T, p *tab, w *world) {
	var served strings.Builder
	for _, path := range []string{"/", "/status", "/readyz", "/healthz"} {
		_, body := get(t, "GET", w.url+path)
		served.WriteString(body)
	}
	lines, _, leave := follow(t, w.url)
	served.WriteString(next(t, lines, "data: "))
	leave()
	var dom string
	p.eval(`document.documentElement.outerHTML`, &dom)
	served.WriteString(dom)
	text := served.String()

	client, err := imocha.New(imocha.Config{BaseURL: w.api, Account: attempt.DefaultAccount, Key: imocha.StaticKey("key-default"),
		RequestTimeout: patience, RateLimit: 1000, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	people := 0
	now := time.Now()
	for _, state := range attempt.States() {
		window := attempt.Window{Start: attempt.InstantOf(now.Add(-3 * time.Minute)), End: attempt.InstantOf(now)}
		err := client.Attempts(t.Context(), state, window, func(e *imocha.Entry) error {
			people++
			for what, said := range map[string]string{"name": e.Attempt.Name.Value, "email": e.Attempt.Email.Value, "id": strconv.FormatInt(e.Attempt.ID, 10)} {
				if len(said) > 5 && strings.Contains(text, said) {
					t.Errorf("the %s %q of an invitation is served", what, said)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if people < 20 {
		t.Errorf("the API shows %d invitations: the test shows little", people)
	}
}

// accessible holds the page to the basics of WCAG 2.2 AA, in the theme that it has.
func accessible(t *testing.T, p *tab) {
	t.Helper()
	var problems []string
	p.eval(`(() => {
		const problems = [];
		const must = (ok, what) => ok || problems.push(what);
		const all = (selector) => [...document.querySelectorAll(selector)];
		must(document.documentElement.lang === "en", "no language");
		must(document.title.includes("attemptstream"), "no title");
		for (const one of ["h1", "main", "header", "footer", "nav"]) must(all(one).length === 1, all(one).length + " elements " + one);
		must(document.querySelector("nav").ariaLabel, "the navigation has no name");
		must(all('[role="status"]').length === 1, "changes are not announced");
		for (const e of all('[role="img"], progress')) must((e.getAttribute("aria-label") || "").length > 5, "a picture without words: " + e.outerHTML.slice(0, 80));
		for (const e of all("svg")) must(e.closest('[aria-hidden="true"], [role="img"]'), "a picture neither hidden nor described: " + e.outerHTML.slice(0, 80));
		for (const e of all("section")) {
			const by = document.getElementById(e.getAttribute("aria-labelledby"));
			must(by && by.textContent, "a section without a name");
		}
		for (const e of all("th")) must(e.scope, "a heading without scope: " + e.textContent);
		for (const e of all("a")) must(e.textContent.trim() && e.href, "a link without text or address");
		const ids = all("[id]").map((e) => e.id);
		must(new Set(ids).size === ids.length, "the same id twice");
		must(all("*").every((e) => [...e.attributes].every((a) => !a.name.startsWith("on") && a.name !== "style")), "scripts or style in attributes");
		let last = 1;
		for (const e of all("h1, h2, h3")) { const n = +e.tagName[1]; must(n <= last + 1, "a heading leaves out a level: " + e.textContent); last = n; }

		const parse = (c) => c.match(/[\d.]+/g).map(Number);
		const light = (c) => { const [r, g, b] = parse(c).map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
		const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + .05) / (y + .05); };
		const paper = getComputedStyle(document.body).backgroundColor;
		must(parse(paper).length === 3, "the page has no background: " + paper);
		for (const e of all("body *")) {
			if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || ["script", "style", "noscript", "title"].includes(e.tagName.toLowerCase()) || e.closest(".hidden")) continue;
			const color = e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color;
			const c = contrast(color, paper);
			must(c >= 4.5, "contrast " + c.toFixed(2) + " of " + color + " on " + paper + ": " + e.textContent.slice(0, 40));
		}
		for (const kind of ["--gap-text", "--watch", "--covered-text", "--muted"]) {
			const probe = document.createElement("p");
			document.body.append(probe);
			probe.style.color = "var(" + kind + ")";
			const c = contrast(getComputedStyle(probe).color, paper);
			probe.remove();
			must(c >= 4.5, "contrast " + c.toFixed(2) + " of " + kind);
		}
		const fill = (c) => { const e = document.querySelector("rect." + c); return e && getComputedStyle(e).fill; };
		must(contrast(fill("covered"), fill("empty")) >= 3, "told and not yet look alike: " + contrast(fill("covered"), fill("empty")).toFixed(2));
		return problems;
	})()`, &problems)
	for _, problem := range problems {
		t.Error(problem)
	}
}
