package event

// An object is a JSON object while it is appended from place from on: members, each after a comma.
type object struct {
	from    int
	members []member
}

type member struct {
	called     string
	start, end int // with its comma
}

func (o *object) add(called string, start, end int) {
	o.members = append(o.members, member{called, start, end})
}

// close makes an object of the members; of those with the same name, the last one stays, where it is, so that readers
// which refuse such objects (RFC 7493, section 2.3) can read the event, and all others see what they would have seen.
func (o *object) close(dst []byte) []byte {
	if o.repeats() {
		last := make(map[string]int, len(o.members))
		for i, m := range o.members {
			last[m.called] = i
		}
		end := o.from
		for i, m := range o.members {
			if last[m.called] == i {
				end += copy(dst[end:], dst[m.start:m.end])
			}
		}
		dst = dst[:end]
	}
	return closeList(dst, o.from, '{', '}')
}

func (o *object) repeats() bool {
	const few = 12 // up to here, comparing all with all is quicker than a map
	if len(o.members) > few {
		return true
	}
	for i, m := range o.members {
		for _, other := range o.members[:i] {
			if m.called == other.called {
				return true
			}
		}
	}
	return false
}

// closeList puts brackets around what was appended from place from on, elements each after a comma.
func closeList(dst []byte, from int, left, right byte) []byte {
	if len(dst) == from {
		return append(dst, left, right)
	}
	dst[from] = left
	return append(dst, right)
}
