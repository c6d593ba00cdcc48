package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"

	"attemptstream/internal/attempt"
)

// digestMethod is how a digest is made, as reports say it.
const digestMethod = "sum modulo 2^256 of the SHA-256, read as big-endian numbers, of each distinct line account:testInvitationId:testStatus"

// A digest stands for a set of lines, in whatever order they are added: the sum, modulo 2^256, of their SHA-256. So a line
// can be taken out again, and no set has to be sorted as a whole. Two sets with the same digest are the same: sets that
// differ and agree would have to be looked for on purpose.
type digest struct {
	sum   [4]uint64 // the least significant first
	lines int64
	line  []byte
}

func (d *digest) add(account attempt.Account, id int64, status attempt.Status) {
	var carry uint64
	words := d.words(account, id, status)
	for i := range d.sum {
		d.sum[i], carry = bits.Add64(d.sum[i], words[i], carry)
	}
	d.lines++
}

// remove takes out what was added.
func (d *digest) remove(account attempt.Account, id int64, status attempt.Status) {
	var borrow uint64
	words := d.words(account, id, status)
	for i := range d.sum {
		d.sum[i], borrow = bits.Sub64(d.sum[i], words[i], borrow)
	}
	d.lines--
}

func (d *digest) words(account attempt.Account, id int64, status attempt.Status) (words [4]uint64) {
	d.line = append(append(d.line[:0], account...), ':')
	d.line = append(strconv.AppendInt(d.line, id, 10), ':')
	d.line = append(d.line, status...)
	hash := sha256.Sum256(d.line)
	for i := range words {
		words[i] = binary.BigEndian.Uint64(hash[24-8*i:])
	}
	return words
}

func (d *digest) String() string {
	var sum [32]byte
	for i, word := range d.sum {
		binary.BigEndian.PutUint64(sum[24-8*i:], word)
	}
	return hex.EncodeToString(sum[:])
}
