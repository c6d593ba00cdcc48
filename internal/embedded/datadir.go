package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

var (
	// ErrLocked: another worker uses the data directory.
	ErrLocked = errors.New("data directory is in use")

	// ErrDamaged: the data directory holds what no broker has written.
	ErrDamaged = errors.New("data directory is damaged")

	errLocked = errors.New("locked")
)

// A dataDir is the broker's directory:
//
//	lock     held while a broker runs
//	kafka/   kfake's files
type dataDir struct {
	root, kafka string
	lock        *os.File
	log         *zap.Logger
}

// openDataDir makes the directory if there is none, and locks it.
func openDataDir(root string, log *zap.Logger) (*dataDir, error) {
	root = absolute(root)
	d := &dataDir{root: root, kafka: filepath.Join(root, "kafka"), log: log.Named("broker")}
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
	return d, nil
}

// close gives the directory free. clean: all is written down.
func (d *dataDir) close(clean bool) error {
	if d == nil {
		return nil
	}
	return d.lock.Close()
}

func (d *dataDir) prepare() error { return nil }

func (d *dataDir) watch(*kfake.Cluster) {}

// unusable is the error where the operating system refuses.
func (d *dataDir) unusable(err error) error {
	return fmt.Errorf("embedded broker: data directory %s cannot be used: check that it is a directory that this user may read and write, or set another DATA_DIR: %w", d.root, err)
}

// damaged is the error where files make no sense.
func (d *dataDir) damaged(err error) error {
	return fmt.Errorf("embedded broker: %w: %s: restore it from a copy, or move it away to begin anew without its topics: %w", ErrDamaged, d.root, err)
}

// loadError is the error of a cluster that did not start.
func (d *dataDir) loadError(err error) error {
	switch {
	case d == nil:
		return fmt.Errorf("embedded broker: %w", err)
	case errors.Is(err, os.ErrPermission):
		return d.unusable(err)
	}
	return d.damaged(err)
}
