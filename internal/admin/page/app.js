
"use strict";
(() => {
  // ---- elements: a tree is built anew and laid over the old one, so that what is selected, focused or open stays so.
  const SVG = "http://www.w3.org/2000/svg";
  const inSVG = new Set(["svg", "rect", "path", "line", "text", "title"]);
  function el(tag, attributes, ...children) {
    const e = inSVG.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
    }
    e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false));
    return e;
  }
  function lay(over, fresh) {
    if (fresh.hasAttribute("data-same")) return; // it stands for what is there
    for (const { name, value } of fresh.attributes) {
      if (over.getAttribute(name) !== value) over.setAttribute(name, value);
    }
    for (const { name } of [...over.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") over.removeAttribute(name);
    }
    layChildren(over, [...fresh.childNodes]);
  }
  function layChildren(parent, fresh) {
    const keyed = new Map();
    for (const c of parent.children) if (c.dataset && c.dataset.key) keyed.set(c.dataset.key, c);
    let at = parent.firstChild;
    for (const f of fresh) {
      let old = at;
      if (f.nodeType === 1 && f.dataset.key) {
        old = keyed.get(f.dataset.key);
        if (old && old !== at) parent.insertBefore(old, at);
      } else if (old && old.nodeType === 1 && old.dataset.key) {
        old = null;
      }
      if (old && old.nodeName === f.nodeName) {
        if (f.nodeType === 3) { if (old.data !== f.data) old.data = f.data; } else lay(old, f);
        at = old.nextSibling;
      } else {
        parent.insertBefore(f, at);
      }
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  }
  const byID = (id) => document.getElementById(id);
  function say(id, text) { const e = byID(id); if (e.textContent !== text) e.textContent = text; }

  // ---- words
  const two = (n) => String(n).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const clock = (t) => { const d = new Date(t); return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + ":" + two(d.getUTCSeconds()); };
  const minute = (t) => clock(t).slice(0, 5);
  const day = (t) => { const d = new Date(t); return d.getUTCDate() + " " + months[d.getUTCMonth()]; };
  const sameDay = (a, b) => new Date(a).toISOString().slice(0, 10) === new Date(b).toISOString().slice(0, 10);
  const when = (t) => (sameDay(t, now()) ? "" : day(t) + (new Date(t).getUTCFullYear() === new Date(now()).getUTCFullYear() ? "" : " " + new Date(t).getUTCFullYear()) + ", ") + clock(t);
  const whole = (n) => Math.round(n).toLocaleString("en-US");
  const rate = (n) => n === 0 || n >= 10 ? whole(n) : n.toFixed(n >= 1 ? 1 : 2);
  const counted = (n, one, many) => n === 1 ? "1 " + one : whole(n) + " " + many;
  function span(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min" + (s < 600 && s % 60 ? " " + s % 60 + " s" : "");
    if (s < 86400) return Math.floor(s / 3600) + " h" + (Math.floor(s % 3600 / 60) ? " " + Math.floor(s % 3600 / 60) + " min" : "");
    return Math.floor(s / 86400) + " d" + (Math.floor(s % 86400 / 3600) ? " " + Math.floor(s % 86400 / 3600) + " h" : "");
  }
  const percent = (share) => share === 0 ? "0" : share < 0.001 ? "under 0.1" : (100 * share).toFixed(share < 0.1 ? 1 : 0);

  // ---- what is known
  let report, offset = 0, heard = 0;
  const now = () => Date.now() + offset;
  const ago = (t) => span((now() - t) / 1000) + " ago";
  const ms = (text) => Date.parse(text);

  // ---- the picture of an account's coverage: two panels, all time but the last hour, and the last hour.
  const HOUR = 3600e3;
  function panels(start) {
    const end = now(), from = Math.min(start, end - 60e3);
    if (end - from <= 1.25 * HOUR) return [{ kind: "whole", from, to: end }];
    return [{ kind: "past", from, to: end - HOUR }, { kind: "hour", from: end - HOUR, to: end }];
  }
  function bars(panel, pixels, list) {
    const at = (t) => 100 * (t - panel.from) / (panel.to - panel.from);
    const least = 100 * 3 / pixels;
    return list.flatMap(({ from, until, kind, label }) => {
      if (until <= panel.from || from >= panel.to || until <= from) return [];
      let x = at(Math.max(from, panel.from)), width = at(Math.min(until, panel.to)) - x;
      if (kind !== "covered" && width < least) { x = Math.max(0, Math.min(x, 100 - least)); width = least; }
      const low = kind === "again" || kind === "replay";
      return [el("rect", { class: kind, x: x.toFixed(3) + "%", width: width.toFixed(3) + "%", y: low ? "76%" : "0", height: low ? "24%" : "100%" },
        label && el("title", {}, label))];
    });
  }
  const kinds = { front: "reading", gap: "reading", "look-back": "again", replay: "replay" };
  const doing = { front: "being read", gap: "a gap that is tried again", "look-back": "read again for what came late", replay: "told again" };
  function marks(account, states) {
    const list = [];
    for (const s of states) list.push({ from: ms(s.start), until: ms(s.front), kind: "covered" });
    for (const s of states) {
      for (const g of s.gaps) list.push({ from: ms(g.from), until: ms(g.until), kind: "gap", label: "could not be read: " + when(ms(g.from)) + ", " + span(g.seconds) });
    }
    for (const r of account.reading) {
      if (states.some((s) => s.state === r.state)) list.push({ from: ms(r.from), until: ms(r.until), kind: kinds[r.kind], label: doing[r.kind] });
    }
    return list;
  }
  function strip(account, states, view, width, label) {
    const list = marks(account, states);
    const front = Math.min(...states.map((s) => ms(s.front)));
    return el("div", { class: "strip", role: "img", "aria-label": label }, view.map((panel) => {
      const pixels = width * (panel.kind === "past" ? .4 : panel.kind === "hour" ? .6 : 1);
      const x = 100 * (front - panel.from) / (panel.to - panel.from);
      return el("svg", { class: panel.kind }, el("rect", { class: "empty", width: "100%", height: "100%" }), bars(panel, pixels, list),
        x > 0 && x <= 100 && el("rect", { class: "front", x: Math.min(x, 100 - 200 / pixels).toFixed(3) + "%", width: "2", height: "100%" }));
    }));
  }
  const steps = [10e3, 30e3, 60e3, 5 * 60e3, 15 * 60e3, HOUR / 2, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 7 * 24 * HOUR, 14 * 24 * HOUR, 28 * 24 * HOUR, 91 * 24 * HOUR, 365 * 24 * HOUR];
  function axis(view, width) {
    return el("div", { class: "strip axis", "aria-hidden": "true" }, view.map((panel) => {
      const pixels = width * (panel.kind === "past" ? .4 : panel.kind === "hour" ? .6 : 1), length = panel.to - panel.from;
      const step = steps.find((s) => pixels * s / length >= 76) || steps[steps.length - 1];
      const ticks = [];
      for (let t = Math.ceil(panel.from / step) * step; t <= panel.to; t += step) {
        const x = 100 * (t - panel.from) / length, text = step >= 24 * HOUR ? day(t) : step < 60e3 ? clock(t) : t % (24 * HOUR) === 0 ? day(t) : minute(t);
        const near = pixels * (1 - x / 100) < 24, first = pixels * x / 100 < 20;
        ticks.push(el("line", { x1: x.toFixed(3) + "%", x2: x.toFixed(3) + "%", y1: "0", y2: "4" }),
          el("text", { x: x.toFixed(3) + "%", y: "18", "text-anchor": near ? "end" : first ? "start" : "middle" }, text));
      }
      return el("svg", { class: panel.kind }, ticks);
    }));
  }
  function captions(view) {
    const text = { whole: () => "since " + when(view[0].from), past: () => "since " + when(view[0].from).replace(/:..$/, ""), hour: () => "the last hour" };
    return el("div", { class: "strip captions", "aria-hidden": "true" }, view.map((panel) => el("span", { class: panel.kind }, text[panel.kind]())));
  }
  function stateLabel(account, s) {
    const gaps = s.gapCount === 0 ? "no gaps" : counted(s.gapCount, "gap", "gaps") + " of " + span(s.gapSeconds) + " in all, the first at " + when(ms(s.gaps[0].from));
    return s.state + ": read from " + when(ms(s.start)) + " to " + when(ms(s.front)) + ", " + gaps + ". Everything before " + when(ms(s.coveredThrough)) + " is told.";
  }
  function coverage(account, width) {
    if (account.states.length === 0) return el("p", { class: "muted" }, "Nothing is known of it before it is taken over.");
    const narrow = width < 560, inner = narrow ? width : width - 16 * 16;
    const view = panels(Math.min(...account.states.map((s) => ms(s.start))));
    const state = (s) => el("div", { class: "state" },
      el("span", { class: "name" }, s.state),
      strip(account, [s], view, inner, stateLabel(account, s)),
      el("span", { class: "through" + (s.gapCount ? " bad" : "") }, when(ms(s.coveredThrough)), el("small", {}, s.gapCount ? counted(s.gapCount, "gap", "gaps") : ago(ms(s.coveredThrough)))));
    const row = (content) => el("div", { class: "state axis-row" }, el("span", {}), content, el("span", {}));
    const rows = [row(captions(view))];
    for (const s of account.states) rows.push(state(s));
    rows.push(row(axis(view, inner)));
    const gaps = account.states.flatMap((s) => s.gaps.slice(0, 4).map((g) => el("li", {}, el("span", { class: "bad" }, span(g.seconds) + " of " + s.state),
      " from " + when(ms(g.from)) + " could not be read")));
    const more = account.gaps - gaps.length;
    if (more > 0) gaps.push(el("li", { class: "muted" }, "and " + counted(more, "more gap", "more gaps")));
    return el("div", {}, el("div", { class: "states" }, rows), gaps.length > 0 && el("ul", { class: "gaps" }, gaps));
  }
  function legend() {
    const item = (kind, text) => el("li", {}, el("svg", { "aria-hidden": "true" }, el("rect", { class: kind, width: "100%", height: "100%" })), text);
    return el("ul", { class: "legend", "aria-label": "Colours of the picture" }, item("covered", "told"), item("gap", "gap"), item("reading", "being read"), item("empty", "not yet"), report.replays.length > 0 && item("replay", "told again"));
  }
  const moods = { fine: "All is well", watch: "Under way", act: "Needs attention" };
  // Hundreds of accounts are drawn anew only when they have changed, or have moved by a pixel.
  const drawn = new Map();
  function accounts(width) {
    const list = report.accounts, many = list.length > 4;
    const there = new Map([...document.querySelectorAll("details.account")].map((e) => [e.dataset.key, e]));
    const pace = Math.floor(now() / 10e3) + " " + width;
    const items = list.map((a) => {
      if (!many) {
        return el("div", { class: "account", "data-key": a.account }, list.length > 1 && el("h3", { class: "head" }, a.account),
          list.length > 1 && a.problems.length > 0 && el("p", { class: "problems", "data-alarm": a.alarm }, a.problems.join("; ")),
          coverage(a, width));
      }
      const open = there.get(a.account)?.open, last = drawn.get(a.account);
      if (!open && there.has(a.account) && last && last.account === a && last.pace === pace) {
        return el("details", { class: "account", "data-key": a.account, "data-same": true });
      }
      drawn.set(a.account, { account: a, pace });
      return el("details", { class: "account", "data-key": a.account },
        el("summary", { "data-alarm": a.alarm }, el("span", { class: "mark", "aria-hidden": "true" }), el("span", { class: "name muted" }, a.account),
          a.states.length > 0 ? strip(a, a.states, [panels(ms(a.start)).pop()], width / 3, "the last hour") : el("div", { class: "strip" }),
          el("span", { class: "said" + (a.alarm === "fine" ? " muted" : "") }, a.standby ? "another worker has it" : a.alarm === "fine" ? when(ms(a.coveredThrough)) : brief(a))),
        el("div", {}, open ? [a.problems.length > 0 && el("p", { class: "problems", "data-alarm": a.alarm }, a.problems.join("; ")), coverage(a, width)] : []));
    });
    return el("section", { "aria-labelledby": "h-coverage", "data-key": "coverage" },
      el("div", { class: "head" }, el("h2", { id: "h-coverage" }, many ? "Coverage of " + list.length + " accounts" : "Coverage"), legend()), items,
      el("p", { class: "habits" }, habits()));
  }
  function habits() {
    const s = report.settings;
    return "New time is asked for every " + span(s.pollIntervalSeconds) + (s.settleDelaySeconds ? ", once it is " + span(s.settleDelaySeconds) + " old" : "") +
      (s.lookbackSeconds ? ". What came late is looked for " + span(s.lookbackSeconds) + " back." : ".");
  }
  function brief(a) {
    if (!a.ready) return a.ended ? "not read any more" : a.states.length === 0 ? "not taken over yet" : "nothing is read";
    if (a.gaps > 0) return counted(a.gaps, "gap", "gaps") + ", " + span(a.gapSeconds);
    return a.catchingUp ? "catching up, " + ago(ms(a.front)) : "the last try failed";
  }

  // ---- figures
  function spark(values, failed) {
    const n = 120, most = Math.max(1, ...values), height = 30;
    const x = (i) => n - values.length + i, y = (v) => (height - (height - 3) * v / most).toFixed(2);
    const line = values.map((v, i) => (i ? "L" : "M") + x(i) + " " + y(v)).join("");
    const bad = (failed || []).map((v, i) => v > 0 ? "M" + x(i) + " " + height + "v-3" : "").join("");
    return el("svg", { class: "spark", viewBox: "0 0 " + (n - 1) + " 32", preserveAspectRatio: "none", "aria-hidden": "true" },
      el("path", { class: "base", d: "M0 " + height + "H" + n }),
      values.length > 1 && el("path", { class: "area", d: line + "V" + height + "H" + x(0) + "Z" }),
      values.length > 1 && el("path", { d: line }), bad && el("path", { class: "failed", d: bad }));
  }
  function figures() {
    const t = report.totals, r = report.rates, minutes = Math.round(120 * r.stepSeconds / 60);
    const peak = (values) => "most " + rate(Math.max(0, ...values) / r.stepSeconds) + "/s in " + minutes + " min";
    const figure = (name, number, unit, ...rest) => el("div", {}, el("dt", {}, name),
      el("dd", {}, el("p", { class: "number" }, number, unit && el("span", { class: "unit" }, unit)), rest));
    const note = (text) => el("p", { class: "note" }, text);
    return el("section", { "aria-labelledby": "h-figures", "data-key": "figures" }, el("h2", { id: "h-figures", class: "hidden" }, "Figures"), el("dl", { class: "figures" },
      figure("Events", rate(r.eventsPerSecond), "/s", spark(r.eventsByStep), note(peak(r.eventsByStep)), note(whole(t.eventsTold) + " told in all")),
      figure("Requests", rate(r.requestsPerSecond), "/s", spark(r.requestsByStep, r.failedRequestsByStep), note(peak(r.requestsByStep)),
        note(t.failedRequests === 0 ? "none failed" : whole(t.failedRequests) + " of " + whole(t.requests) + " failed")),
      figure("Late arrivals", whole(t.lateEvents), "", note("found by reading again" + (t.lateEvents ? ", " + percent(t.lateEvents / Math.max(1, t.eventsTold)) + "\u00a0%" : "")),
        note(t.returnEvents > 0 && counted(t.returnEvents, "return", "returns") + " to an earlier status")),
      figure("Transactions", whole(t.transactions), "", note(t.committedAt ? "the last " + ago(ms(t.committedAt)) : "none yet"), note("since the start, " + ago(ms(report.startedAt)))),
      figure("Dead letters", whole(t.deadLetters), "", note("entries that cannot be events"),
        t.possiblyTruncated > 0 && el("p", { class: "note bad" }, counted(t.possiblyTruncated, "answer", "answers") + " possibly cut"))));
  }

  // ---- the rest
  function replays() {
    if (report.replays.length === 0) return null;
    return el("section", { "aria-labelledby": "h-replays", "data-key": "replays" }, el("div", { class: "head" }, el("h2", { id: "h-replays" }, "Replays")),
      el("ul", { class: "replays" }, report.replays.map((r) => {
        const done = Math.max(0, Math.min(1, (ms(r.position) - ms(r.from)) / Math.max(1, ms(r.to) - ms(r.from))));
        return el("li", { "data-key": r.id }, el("span", {}, r.account + ", " + r.states.join(", ") + ": " + when(ms(r.from)) + " to " + when(ms(r.to)),
          el("small", { class: "muted" }, r.running ? ", " + counted(r.eventsTold, "event", "events") + " told again" : ", waits for its turn")),
          el("progress", { value: done.toFixed(4), max: "1", "aria-label": "Replay of " + r.account + ", " + percent(done) + " %" }));
      })));
  }
  function groups() {
    const g = report.groups;
    const empty = !g.known ? "Kafka has not said lately how far they are." : g.groups.length === 0 ? "No group has read the topic yet." : "";
    return el("section", { "aria-labelledby": "h-groups", "data-key": "groups" }, el("div", { class: "head" }, el("h2", { id: "h-groups" }, "Consumer groups")),
      empty ? el("p", { class: "muted" }, empty) : el("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "h-groups" }, el("table", {},
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Group"), el("th", { scope: "col", class: "n" }, "Members"), el("th", { scope: "col", class: "n" }, "Behind"), el("th", { scope: "col", class: "n" }, "For"))),
        g.groups.map((x) => el("tbody", { "data-key": x.group }, el("tr", {},
          el("th", { scope: "row" }, x.group),
          el("td", { class: "n" + (x.members === 0 && x.eventsBehind > 0 ? " bad" : "") }, whole(x.members)),
          el("td", { class: "n" }, (x.atMost ? "≤ " : "") + counted(x.eventsBehind, "event", "events")),
          el("td", { class: "n" }, x.eventsBehind === 0 ? "–" : span(x.secondsBehind))),
        x.notes.length > 0 && el("tr", { class: "notes" }, el("td", { colspan: "4" }, x.notes.map((n) => el("p", {}, n)))))))));
  }
  function problems() {
    const several = report.accounts.length > 1;
    const all = new Map(); // the same words once
    for (const a of report.accounts) {
      for (const p of a.lastProblems) {
        const key = a.account + ": " + p.text, known = all.get(key);
        if (!known) all.set(key, { ...p, account: a.account });
        else { known.times += p.times; if (ms(p.first) < ms(known.first)) known.first = p.first; }
      }
    }
    const list = [...all.values()].sort((a, b) => ms(b.last) - ms(a.last)).slice(0, 12);
    return el("section", { "aria-labelledby": "h-problems", "data-key": "problems" }, el("div", { class: "head" }, el("h2", { id: "h-problems" }, "Last problems")),
      list.length === 0 ? el("p", { class: "muted" }, "None since the start, " + ago(ms(report.startedAt)) + ".")
        : el("ul", { class: "past-problems" }, list.map((p) => el("li", {},
          el("span", { class: "when" }, el("time", { datetime: p.last }, when(ms(p.last))), ", " + ago(ms(p.last)), p.times > 1 && el("span", {}, el("br"), whole(p.times) + " times since " + when(ms(p.first)))),
          el("span", {}, (several ? p.account + ": " : "") + p.text)))));
  }

  // ---- all of it
  let announced;
  function render() {
    if (!report) return;
    const v = report.verdict, mood = document.querySelector(".mood");
    mood.dataset.alarm = v.alarm;
    say("mood", moods[v.alarm]);
    say("verdict-text", v.text);
    const states = report.accounts.length > 0 ? report.accounts[0].states.length : 0;
    const age = report.coveredThrough ? "That was " + ago(ms(report.coveredThrough)) + ". " : "";
    const what = report.accounts.length === 0 ? "" : report.accounts.length === 1 ? counted(states, "state", "states") + " of account " + report.accounts[0].account + "." : report.accounts.length + " accounts.";
    say("detail", v.detail ? v.detail : age + what + " Times are UTC.");
    say("topic", report.topic);
    say("about", "attemptstream " + report.version + ", running for " + span((now() - ms(report.startedAt)) / 1000));
    document.title = (v.alarm === "fine" ? "" : v.text.replace(/\.$/, "") + " · ") + "attemptstream";
    if (announced !== v.alarm) { announced = v.alarm; say("announce", moods[v.alarm] + ". " + v.text + " " + v.detail); }
    const root = byID("report");
    layChildren(root, (report.accounts.length === 0 ? [] : [figures(), accounts(root.clientWidth), replays(), groups(), problems()]).filter(Boolean));
  }

  // ---- the connection
  let source, poll;
  function link(state, text) {
    byID("link").dataset.link = state;
    say("link-text", text);
    document.body.toggleAttribute("data-stale", state === "lost");
  }
  function hear(message) {
    const m = JSON.parse(message.data);
    offset = ms(m.now) - Date.now();
    heard = Date.now();
    if (m.report) report = m.report;
    link("live", "live");
    render();
  }
  function lost() { link("lost", report ? "connection lost, as of " + clock(heard + offset) : "no connection"); }
  function connect() {
    clearTimeout(poll);
    if (source) source.close();
    heard = Date.now();
    source = new EventSource("events");
    source.addEventListener("status", hear);
    source.addEventListener("alive", hear);
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) { // refused: too many pages are open; asking now and then still works
        source = undefined;
        ask();
      } else lost();
    };
  }
  async function ask() {
    try {
      const answer = await fetch("status");
      if (answer.ok) {
        report = await answer.json();
        offset = ms(report.at) - Date.now();
        heard = Date.now();
        link("live", "every 10 s");
        render();
      }
    } catch { lost(); }
    poll = setTimeout(connect, 10e3);
  }
  // A page that nobody sees needs no connection: browsers have few of them for a host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(poll);
      if (source) source.close();
      source = undefined;
    } else connect();
  });
  setInterval(() => {
    if (document.hidden) return;
    if (source && Date.now() - heard > 25e3) { lost(); connect(); }
    render();
  }, 1000);
  addEventListener("resize", render);
  document.addEventListener("toggle", render, true);
  connect();
})();
