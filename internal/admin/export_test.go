package admin

// Steps lets a server look at its worker so many times, as if its time had passed.
func Steps(s *Server, n int) {
	for range n {
		s.look()
	}
}
