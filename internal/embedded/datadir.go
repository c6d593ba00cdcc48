package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
)

var (
	// ErrLocked: another worker uses the data directory.
	ErrLocked = errors.New("data directory is in use")

	// ErrDamaged: the data directory holds what no broker has written, or lacks what one has.
	ErrDamaged = errors.New("data directory is damaged")

	errLocked = errors.New("locked")
)

// A dataDir is the broker's directory:
//
//	lock          held while a broker runs
//	kafka/        kfake's files
//	transactions  see journal
//	compacting/   see compact.go
type dataDir struct {
	root, kafka string
	lock        *os.File
	journal     *journal
	compactFrom int64 // size of a partition
	log         *zap.Logger
}

// openDataDir makes the directory if there is none, and locks it.
func openDataDir(root string, log *zap.Logger) (*dataDir, error) {
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	d := &dataDir{root: root, kafka: filepath.Join(root, "kafka"), compactFrom: compactFrom, log: log}
	if err := os.MkdirAll(d.kafka, 0o755); err != nil {
		return nil, d.unusable(err)
	}
	lock, err := lockFile(filepath.Join(root, "lock"))
	switch {
	case errors.Is(err, errLocked):
		return nil, fmt.Errorf("embedded broker: %w: %s: another worker runs with it: stop that one, or set another DATA_DIR", ErrLocked, root)
	case err != nil:
		return nil, d.unusable(err)
	}
	d.lock = lock
	if d.journal, err = openJournal(filepath.Join(root, "transactions")); err != nil {
		return nil, errors.Join(d.unusable(err), lock.Close())
	}
	return d, nil
}

// close gives the directory free.
func (d *dataDir) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.journal.close(), d.lock.Close())
}

// prepare checks and mends the files before kfake reads them: kfake takes damage for the end of a log, without a word.
func (d *dataDir) prepare() error {
	if d == nil {
		return nil
	}
	if err := d.restore(); err != nil {
		return d.failed(err)
	}
	topics, err := d.topics()
	if err != nil {
		return d.failed(err)
	}
	if err := d.mend(topics); err != nil {
		return d.failed(err)
	}
	if err := d.compact(topics); err != nil {
		return d.failed(err)
	}
	return nil
}

// A topic is one that kfake knows.
type topic struct {
	Name       string             `json:"name"`
	Partitions int                `json:"partitions"`
	Configs    map[string]*string `json:"configs"`
}

func (t topic) compacted() bool {
	policy := t.Configs["cleanup.policy"]
	return policy != nil && strings.Contains(*policy, "compact")
}

// topics reads which topics there are. kfake writes its list before anything else, so a directory without it is empty or
// has lost it; kfake would begin anew without a word.
func (d *dataDir) topics() ([]topic, error) {
	entries, err := os.ReadDir(d.kafka)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	meta := filepath.Join(d.kafka, "meta.json")
	if _, err := os.Stat(meta); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(d.kafka, "partitions")); errors.Is(err, os.ErrNotExist) {
			return nil, nil // the first start ended before its end
		}
		return nil, damage(meta, err)
	} else if err != nil {
		return nil, err
	}
	name := filepath.Join(d.kafka, "topics.json")
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(d.kafka, "partitions")); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, damage(name, err)
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Topics []topic `json:"topics"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, damage(name, err)
	}
	return list.Topics, nil
}

func (d *dataDir) partitionDir(topic string, partition int) string {
	return filepath.Join(d.kafka, "partitions", fmt.Sprintf("%s-%d", url.PathEscape(topic), partition))
}

// mend cuts off interrupted writes, and ends the transactions that the last broker left open.
func (d *dataDir) mend(topics []topic) error {
	// What kfake keeps of members and transactions over a Close would contradict the ends that are written here.
	if err := os.Remove(filepath.Join(d.kafka, "session_state.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := readStateLog(filepath.Join(d.kafka, "groups.log")); err != nil {
		return err
	}
	producers := filepath.Join(d.kafka, "pids.log")
	entries, err := readStateLog(producers)
	if err != nil {
		return err
	}
	epochs, err := producerEpochs(producers, entries)
	if err != nil {
		return err
	}
	unfinished, commit, err := d.journal.committing()
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	outcome := make(map[openTransaction]bool) // committed?
	for _, t := range topics {
		for i := range t.Partitions {
			p, err := readPartition(d.partitionDir(t.Name, i))
			if err != nil {
				return err
			}
			if p.cut > 0 {
				d.log.Warn("cut off a write that was interrupted", zap.String("topic", t.Name), zap.Int("partition", i), zap.Int64("bytes", p.cut))
			}
			for _, tx := range p.open {
				outcome[tx] = commit && tx == unfinished
				if err := p.end(tx, outcome[tx], now); err != nil {
					return err
				}
			}
		}
	}
	for tx, committed := range outcome {
		d.log.Info("ended a transaction that was open", zap.Int64("producerId", tx.producer), zap.Bool("committed", committed))
		entry, err := stateEntry(ended(tx, committed, epochs[tx.producer]))
		if err != nil {
			return err
		}
		if err := appendFile(producers, entry); err != nil {
			return err
		}
	}
	return nil
}

// failed is the error of files: damaged, or out of reach.
func (d *dataDir) failed(err error) error {
	if d == nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if errors.Is(err, errDamage) {
		return fmt.Errorf("embedded broker: %w: %s: restore it from a copy, or move it away to begin anew without its topics: %w", ErrDamaged, d.root, err)
	}
	return d.unusable(err)
}

// unusable is the error where the operating system refuses.
func (d *dataDir) unusable(err error) error {
	return fmt.Errorf("embedded broker: data directory %s cannot be used: check that it is a directory that this user may read and write, on a disk with free space, or set another DATA_DIR: %w", d.root, err)
}
