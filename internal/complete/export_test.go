package complete

// Most lets a reader keep so much memory of a single second's answer.
func Most(r *Reader, bytes int) { r.most = bytes }
