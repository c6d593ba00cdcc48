//go:build linux

package soak_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// figures are what is measured of something at one moment, by their names.
type figures map[string]float64

// kernel is what the kernel says of a process.
func kernel(pid int) (figures, error) {
	folder := fmt.Sprintf("/proc/%d", pid)
	f := figures{}
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return nil, err
	}
	for name, line := range map[string]string{"resident": "VmRSS:", "threads": "Threads:"} {
		_, rest, _ := bytes.Cut(status, []byte(line))
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return nil, fmt.Errorf("%s/status has no %s", folder, line)
		}
		if f[name], err = strconv.ParseFloat(string(fields[0]), 64); err != nil {
			return nil, err
		}
	}
	f["resident"] *= 1024
	sockets, files, err := descriptors(folder)
	if err != nil {
		return nil, err
	}
	f["descriptors"] = float64(files)
	// Both tables list all sockets of the network namespace; the process's own are those that it has a descriptor of.
	for _, table := range []string{"tcp", "tcp6"} {
		n, err := connections(folder+"/net/"+table, sockets)
		if err != nil {
			return nil, err
		}
		f["connections"] += float64(n)
	}
	return f, nil
}

// descriptors counts the open files, and names the inodes of those that are sockets.
func descriptors(folder string) (sockets map[string]bool, all int, err error) {
	entries, err := os.ReadDir(folder + "/fd")
	if err != nil {
		return nil, 0, err
	}
	sockets = map[string]bool{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(folder, "fd", e.Name()))
		if err != nil {
			continue // it was closed meanwhile
		}
		all++
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return sockets, all, nil
}

// listening is the state of a socket that waits for connections and is none.
const listening = "0A"

// connections counts those in a table of the kernel's that belong to one of the sockets, in whatever state they are.
func connections(table string, sockets map[string]bool) (n int, err error) {
	text, err := os.ReadFile(table)
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		// proc(5): sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[3] != listening && sockets[fields[9]] {
			n++
		}
	}
	return n, lines.Err()
}
