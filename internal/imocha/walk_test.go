package imocha

// parse makes an entry of a JSON value that is known to be valid.
func (p *entryParser) parse(raw string, e *Entry) {
	if raw[0] != '{' {
		malformed(e, []byte(raw), "it is not an object")
		return
	}
	if end := p.layout.find([]byte(raw), anyDepth); end != len(raw) {
		panic("valid, and has no end: " + raw)
	}
	if reason := p.fill(e, []byte(raw), 0); reason != "" {
		malformed(e, []byte(raw), reason)
	}
}
