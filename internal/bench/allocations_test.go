//go:build linux

package bench_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"time"

	"attemptstream/internal/program"
)

// allocations are those of the command for each event. It is asked while it works, in a run of its own, since that takes
// time, and the last it has said counts.
func (p *place) allocations(compression string) (f figures) {
	p.b.Helper()
	name := topic()
	c := p.command(name, "run", "--once")
	process := program.Start(p.b, c.Path, append(c.Env, "KAFKA_COMPRESSION="+compression, "ADMIN_ADDR=127.0.0.1:0"), c.Args[1:]...)
	line := process.Says(time.Minute, `"status page"`)
	_, url, _ := strings.Cut(line, `"url":"`)
	url, _, ok := strings.Cut(url, `"`)
	if !ok {
		p.b.Fatalf("no address in %s", line)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if told, mallocs, bytes := scrape(url + "metrics"); told > 0 {
				f.Allocs, f.Bytes = mallocs/told, bytes/told
			}
			continue
		case <-process.Done():
		}
		break
	}
	process.Wait(0, time.Minute)
	p.drop(name, name+".state", name+".dlq")
	return f
}

// scrape is what the command has told and allocated so far; zero when it does not answer (any more).
func scrape(url string) (told, mallocs, bytes float64) {
	res, err := http.Get(url) //nolint:gosec // the command's own address
	if err != nil {
		return 0, 0, 0
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		var value float64
		_, _ = fmt.Sscan(text, &value) // comments have none
		switch {
		case name == "go_memstats_mallocs_total":
			mallocs = value
		case name == "go_memstats_alloc_bytes_total":
			bytes = value
		case strings.HasPrefix(name, "attemptstream_attempts_total{") && strings.Contains(name, `outcome="told"`):
			told += value
		}
	}
	if lines.Err() != nil {
		return 0, 0, 0
	}
	return told, mallocs, bytes
}
