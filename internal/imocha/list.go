package imocha

// entries reads the list of entries. The parser reads the first one, and from then on stands between two entries, where it
// expects a comma and an entry, or the end. Whoever takes a comma and an entry leaves it where it stands, so those of the
// usual form need not reach it. All others do, and those that lie across two readings: the parser alone waits for bytes, and
// finds what is wrong with them. Without usual, everything would be read as it is, in more time.
func (a *answer) entries() error {
	token, err := a.dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '[' {
		return notAnswer(`"testAttempts" is not an array`)
	}
	for {
		if a.dec.PeekKind() == ']' {
			_, err := a.dec.ReadToken()
			return err
		}
		if err := a.parsed(); err != nil {
			return err
		}
		for len(a.dec.UnreadBuffer()) == 0 && a.usual() {
			if err := a.give(); err != nil {
				return err
			}
		}
	}
}

// parsed reads the next entry with the parser and gives it.
func (a *answer) parsed() error {
	value, err := a.dec.ReadValue()
	if err != nil {
		return err
	}
	if int64(len(value)) > a.source.body.maxEntry {
		return errTooLong
	}
	if value[0] != '{' {
		malformed(&a.entry, value, "it is not an object")
	} else if end := a.parser.layout.find(value, anyDepth); end != len(value) {
		return errUnequal
	} else if reason := a.parser.fill(&a.entry, value, len(a.source.unread)); reason != "" {
		malformed(&a.entry, value, reason)
	}
	return a.give()
}

// usual takes the next entry past the parser, if it lies before it as a whole, and is valid.
func (a *answer) usual() bool {
	unread := a.source.unread
	comma := skipSpace(unread, 0)
	from := skipSpace(unread, comma+1)
	if !at(unread, comma, ',') || !at(unread, from, '{') {
		return false
	}
	length := a.parser.layout.find(unread[from:], usualDepth)
	if length == none || int64(from+length) > a.source.body.maxEntry {
		return false
	}
	end := from + length
	if a.parser.fill(&a.entry, unread[from:end], len(unread)-end) != "" {
		return false // such ones are kept for long, and on their own
	}
	a.source.take(end)
	return true
}

func (a *answer) give() error {
	if err := a.each(&a.entry); err != nil {
		a.stop = err
		return errStopped
	}
	return nil
}
