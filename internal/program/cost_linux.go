package program

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// CPU is the processor time that the process has had.
func (p *Process) CPU() time.Duration {
	p.t.Helper()
	text := p.proc("stat")
	// The name, in parentheses, may have spaces in it. Fields 14 and 15 are the times in user and kernel mode, in
	// hundredths of a second on every Linux (USER_HZ).
	var ticks int64
	for _, field := range bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Resident is how much memory the process has, in bytes.
func (p *Process) Resident() int64 {
	p.t.Helper()
	pages, err := strconv.ParseInt(string(bytes.Fields(p.proc("statm"))[1]), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// proc is a file of /proc about the process, which has to be running.
func (p *Process) proc(name string) []byte {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.PID(), name))
	if err != nil {
		p.t.Fatalf("%v; the log of %s ends:\n%s", err, p.name, p.Tail())
	}
	return text
}
