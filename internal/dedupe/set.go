package dedupe

import "encoding/binary"

// A set is one that was read from a record: a few offsets as a list, many as a bitmap. Most are a few, and to clear and
// search a bitmap for each of them would take longer than all the rest.
type set struct {
	n       int
	listed  bool
	offsets []uint32 // if listed, ascending
	bits    bitmap   // if not
}

func (m *set) asOffsets() []uint32 {
	if !m.listed {
		m.listed, m.offsets = true, m.offsets[:0]
		for start, end := m.bits.nextRun(0); start < BlockSize; start, end = m.bits.nextRun(end) {
			for ; start < end; start++ {
				m.offsets = append(m.offsets, start)
			}
		}
	}
	return m.offsets
}

func (m *set) asBitmap() *bitmap {
	if m.listed {
		m.listed, m.bits = false, bitmap{}
		for _, offset := range m.offsets {
			m.bits.add(offset)
		}
	}
	return &m.bits
}

// set reads a set into m.
func (d *decoder) set(m *set) error {
	form, err := d.take(1, "a set")
	if err != nil {
		return err
	}
	switch form[0] {
	case formEmpty:
		m.n, m.listed, m.offsets = 0, true, m.offsets[:0]
		return nil
	case formArray:
		return d.array(m)
	case formRuns:
		return d.runs(m)
	case formBitmap:
		return d.bitmap(m)
	}
	return corrupt("a set has the unknown form %d", form[0])
}

func (d *decoder) array(m *set) error {
	n, err := d.number("offsets")
	if err != nil {
		return err
	}
	m.n, m.listed, m.offsets = n, true, m.offsets[:0]
	least := 0
	for range n {
		gap, err := d.number("the distance of an offset")
		if err != nil {
			return err
		}
		if gap >= BlockSize-least {
			return corrupt("an offset is beyond the block")
		}
		m.offsets = append(m.offsets, uint32(least+gap))
		least += gap + 1
	}
	return nil
}

func (d *decoder) runs(m *set) error {
	n, err := d.number("runs")
	if err != nil {
		return err
	}
	m.n, m.listed, m.bits = 0, false, bitmap{}
	end := uint32(0)
	for range n {
		gap, err := d.number("the distance of a run")
		if err != nil {
			return err
		}
		more, err := d.number("the length of a run")
		if err != nil {
			return err
		}
		start := int(leastStart(end)) + gap
		if gap >= BlockSize || start+more >= BlockSize {
			return corrupt("a run is beyond the block")
		}
		end = uint32(start + more + 1)
		m.bits.addRange(uint32(start), end)
		m.n += more + 1
	}
	return nil
}

func (d *decoder) bitmap(m *set) error {
	words, err := d.take(bitmapBytes, "a bitmap")
	if err != nil {
		return err
	}
	for i := range m.bits {
		m.bits[i] = binary.LittleEndian.Uint64(words[8*i:])
	}
	m.n, m.listed = m.bits.count(), false
	return nil
}
