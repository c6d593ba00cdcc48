package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A journal is a file that holds the last request to end a transaction. kfake writes the markers of a commit partition by
// partition, so a death in between would leave half of it. kfake handles one request after the other, so one entry is
// enough: what it says may be unfinished, all before it is not.
//
// A producer may use one epoch for many transactions, so the entry is erased when any transaction is begun with
// AddPartitionsToTxn. Producers of transaction protocol 2 do not send that, but have a new epoch for each transaction.
type journal struct {
	file *os.File
	set  bool
}

const journalSize = 16 // producer id, epoch, commit, one byte unused, CRC-32C

func openJournal(name string) (*journal, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{file: f, set: true}, nil
}

// committing returns the transaction whose commit may be unfinished.
func (j *journal) committing() (openTransaction, bool, error) {
	b := make([]byte, journalSize)
	if _, err := j.file.ReadAt(b, 0); errors.Is(err, io.EOF) {
		return openTransaction{}, false, nil
	} else if err != nil {
		return openTransaction{}, false, err
	}
	if binary.LittleEndian.Uint32(b[12:]) != crc32.Checksum(b[:12], castagnoli) {
		// Erased; or the write was interrupted, and then no marker was written.
		return openTransaction{}, false, nil
	}
	t := openTransaction{int64(binary.LittleEndian.Uint64(b)), int16(binary.LittleEndian.Uint16(b[8:]))}
	return t, b[10] == 1, nil
}

func (j *journal) end(t openTransaction, commit bool) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(t.producer))
	b = binary.LittleEndian.AppendUint16(b, uint16(t.epoch))
	b = append(b, 0, 0)
	if commit {
		b[10] = 1
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	_, err := j.file.WriteAt(b, 0)
	j.set = true
	return err
}

func (j *journal) erase() error {
	if !j.set {
		return nil
	}
	b := make([]byte, journalSize)
	b[12] = 1 // no checksum of zeros
	_, err := j.file.WriteAt(b, 0)
	j.set = err != nil
	return err
}

// watch writes the journal from now on. An entry that cannot be written fails the request that it is of.
func (j *journal) watch(c *kfake.Cluster, log *brokerLog) {
	refuse := func(err error) (kmsg.Response, error, bool) {
		if err == nil {
			return nil, nil, false
		}
		c.KeepControl()
		log.Logf(kfake.LogLevelError, "write the journal of transactions: %v", err)
		return nil, fmt.Errorf("write the journal of transactions: %w", err), true
	}
	c.ControlKey(int16(kmsg.AddPartitionsToTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		return refuse(j.erase())
	})
	c.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req, ok := r.(*kmsg.EndTxnRequest)
		if !ok {
			return nil, nil, false
		}
		return refuse(j.end(openTransaction{req.ProducerID, req.ProducerEpoch}, req.Commit))
	})
}

func (j *journal) close() error { return j.file.Close() }
