package imocha

// parse makes an entry of a JSON value that is known to be valid.
func (p *entryParser) parse(raw string, e *Entry) {
	if raw[0] != '{' {
		malformed(e, raw, "it is not an object")
		return
	}
	if end := p.layout.find([]byte(raw), anyDepth); end != len(raw) {
		panic("valid, and has no end: " + raw)
	}
	p.fill(e, raw)
}
