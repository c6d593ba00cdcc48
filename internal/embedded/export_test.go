package embedded

import (
	"path/filepath"

	"go.uber.org/zap"
)

// CompactFrom makes a broker compact partitions of that size.
func CompactFrom(cfg Config, size int64) Config {
	cfg.compactFrom = size
	return cfg
}

// EndPartly does what a broker does that dies within a commit: it notes the commit of the transaction that is open, and
// writes the marker of one partition.
func EndPartly(root, topic string, partition int, commit bool) error {
	d, err := openDataDir(root, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { _ = d.close() }()
	p, err := readPartition(d.partitionDir(topic, partition))
	if err != nil {
		return err
	}
	for _, t := range p.open {
		if err := d.journal.end(t, commit); err != nil {
			return err
		}
		if err := p.end(t, commit, 1); err != nil {
			return err
		}
	}
	return nil
}

// Copies is where copies lie while partitions are compacted.
func Copies(root string) string { return filepath.Join(root, "compacting") }
