package admin

import "time"

// Steps lets a server look at its worker so many times, as if its time had passed.
func Steps(s *Server, n int) {
	for range n {
		s.look()
	}
}

// Hurry changes how long a page may hear nothing, and leave what it is sent unread.
func Hurry(s *Server, heartbeat, write time.Duration) { s.pace = pace{heartbeat, write} }

// Publish sends what has changed, as every second.
func Publish(s *Server) { s.publish() }

// Listeners is how many pages are open.
func Listeners(s *Server) int {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	return len(s.events.listeners)
}
