package kafkatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below what systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere):
// otherwise a client's connection may sit on a broker's port while that is down, or even be connected to itself.
const firstPort, endPort = 20_000, 32_000

// freePorts returns ports that nobody listens on, at the moment. Another process may take one before the broker does;
// start then tries again with others.
func freePorts(n int) ([]int, error) {
	var ports []int
	taken := make(map[int]bool)
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(endPort-firstPort)
		if !taken[port] && isFree(port) {
			ports = append(ports, port)
		}
		taken[port] = true
	}
	return nil, errors.New("found no free ports on 127.0.0.1")
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
