package embedded

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"
)

// compactFrom is the size of a compacted topic's partition from which it is compacted at the start.
const compactFrom = 64 << 20

// kfake compacts a partition by deleting its files and writing them anew, and takes records of open transactions into
// account. So it is done only at the start, when no transaction is open, with a copy of the partitions aside that
// restore puts back if the compaction did not come to its end.

func (d *dataDir) copies() string     { return filepath.Join(d.root, "compacting") }
func (d *dataDir) unfinished() string { return filepath.Join(d.root, "compacting.tmp") }
func (d *dataDir) partitions() string { return filepath.Join(d.kafka, "partitions") }

// restore puts back what an interrupted compaction has left. It can be interrupted too.
func (d *dataDir) restore() error {
	if err := os.RemoveAll(d.unfinished()); err != nil {
		return err
	}
	copies, err := os.ReadDir(d.copies())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range copies {
		target := filepath.Join(d.partitions(), c.Name())
		if err := os.RemoveAll(target); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(d.copies(), c.Name()), target); err != nil {
			return err
		}
	}
	return os.RemoveAll(d.copies())
}

// compact compacts when a partition of a compacted topic has become large.
func (d *dataDir) compact(topics []topic) error {
	var dirs []string
	var largest int64
	for _, t := range topics {
		if !t.compacted() {
			continue
		}
		for i := range t.Partitions {
			dir := d.partitionDir(t.Name, i)
			size, err := sizeOf(dir)
			if err != nil {
				return err
			}
			if size > 0 {
				dirs = append(dirs, dir)
			}
			largest = max(largest, size)
		}
	}
	if largest < d.compactFrom {
		return nil
	}
	d.log.Info("compact the data directory", zap.Int("partitions", len(dirs)), zap.Int64("largestBytes", largest))
	return d.compactCopied(dirs)
}

func (d *dataDir) compactCopied(dirs []string) error {
	for _, dir := range dirs {
		if err := os.CopyFS(filepath.Join(d.unfinished(), filepath.Base(dir)), os.DirFS(dir)); err != nil {
			return err
		}
	}
	if err := os.Rename(d.unfinished(), d.copies()); err != nil {
		return err
	}
	if err := d.runCompaction(); err != nil {
		return errors.Join(err, d.restore())
	}
	return os.RemoveAll(d.copies())
}

// runCompaction runs a cluster that nobody can connect to.
func (d *dataDir) runCompaction() error {
	log := newBrokerLog(d.log)
	log.strict = true // a file that cannot be written is only a warning to kfake, but would be missing
	c, err := newCluster(&deafListener{closed: make(chan struct{})}, d, log)
	if err != nil {
		return err
	}
	c.Compact()
	c.Close()
	return log.failure()
}

// A deafListener accepts no connection.
type deafListener struct {
	closed chan struct{}
	once   sync.Once
}

func (l *deafListener) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l *deafListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *deafListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// sizeOf is the size of the segments of a partition.
func sizeOf(dir string) (int64, error) {
	all, err := segments(dir)
	if err != nil {
		return 0, err
	}
	var size int64
	for _, s := range all {
		info, err := os.Stat(s.data)
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}
