package embedded

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

// DefaultAddr is where the broker listens when nothing else is said.
const DefaultAddr = "127.0.0.1:9092"

// Config says where the broker listens and where it keeps its data.
type Config struct {
	// Addr is host:port; an empty host is 127.0.0.1, port 0 any free port, empty DefaultAddr. Clients are told this
	// host, so it cannot be a wildcard.
	Addr string

	// DataDir is made if it does not exist. Empty: all is in memory and gone after Close.
	DataDir string

	// ListenFn is net.Listen unless it is set, for a virtual network in tests.
	ListenFn func(network, address string) (net.Listener, error)

	Logger *zap.Logger // nil: none

	compactFrom int64 // for tests, see dataDir
}

// Broker is a running broker.
type Broker struct {
	addr    string
	cluster *kfake.Cluster
	dir     *dataDir // nil: in memory
	log     *brokerLog

	close sync.Once
	err   error
}

// Start starts a broker that is ready when Start returns. The errors say what to do: they wrap ErrAddressInUse,
// ErrLocked or ErrDamaged where that is the cause.
func Start(cfg Config) (*Broker, error) {
	if cfg.ListenFn == nil {
		cfg.ListenFn = net.Listen
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	addr, err := listenAddr(cfg.Addr)
	if err != nil {
		return nil, err
	}
	b := &Broker{log: newBrokerLog(cfg.Logger)}
	if cfg.DataDir != "" {
		// The lock comes before the port: of two workers that start with one directory, the second one is to hear of
		// the directory, whichever port it has.
		b.dir, err = openDataDir(cfg.DataDir, cfg.Logger)
		if err != nil {
			return nil, err
		}
		if cfg.compactFrom > 0 {
			b.dir.compactFrom = cfg.compactFrom
		}
	}
	if err := b.start(addr, cfg.ListenFn); err != nil {
		return nil, errors.Join(err, b.dir.close())
	}
	return b, nil
}

func (b *Broker) start(addr string, listen func(network, address string) (net.Listener, error)) error {
	// The port comes before the data: a port in use is found out before anything is touched.
	ln, err := listen("tcp", addr)
	if err != nil {
		return listenError(addr, err)
	}
	if err := b.dir.prepare(); err != nil {
		return errors.Join(err, ln.Close())
	}
	b.cluster, err = newCluster(ln, b.dir, b.log)
	if err != nil {
		return errors.Join(b.dir.failed(err), closeListener(ln))
	}
	b.addr = b.cluster.ListenAddrs()[0]
	return nil
}

// newCluster starts kfake.
func newCluster(ln net.Listener, dir *dataDir, log *brokerLog) (c *kfake.Cluster, err error) {
	opts := append(brokerOptions(log),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return ln, nil }))
	if dir != nil {
		opts = append(opts, kfake.DataDir(dir.kafka))
		// kfake was not made for files that others wrote.
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%v", r)
			}
			if err != nil && !errors.Is(err, os.ErrPermission) {
				c, err = nil, damage(dir.kafka, err)
			}
		}()
	}
	c, err = kfake.NewCluster(opts...)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		dir.journal.watch(c, log)
	}
	return c, nil
}

// Addr is the host:port that clients connect to.
func (b *Broker) Addr() string { return b.addr }

// Close stops the broker, writes down what is not written yet, and gives the data directory free. It may be called
// again, and answers the same. Clients should be closed first: transactions that are still open are aborted at the next
// start.
func (b *Broker) Close() error {
	b.close.Do(func() {
		b.cluster.Close()
		// kfake tells what went wrong while it wrote down its state only to its logger.
		err := b.log.failure()
		if err != nil {
			err = fmt.Errorf("embedded broker: write down its state: %w", err)
		}
		b.err = errors.Join(err, b.dir.close())
	})
	return b.err
}

// brokerOptions are what all clusters here have in common.
func brokerOptions(log *brokerLog) []kfake.Opt {
	const never = 1 << 40 // ms, 34 years
	return []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("attemptstream-embedded"),
		kfake.DefaultNumPartitions(1),
		kfake.WithLogger(log),
		kfake.BrokerConfigs(map[string]string{
			// See the package comment: kfake's retention cuts compacted topics too, and its cleaner is neither safe
			// against a crash nor against open transactions.
			"log.retention.ms":       "-1",
			"log.cleaner.backoff.ms": strconv.Itoa(never),
			// A compacted __consumer_offsets would keep them; kfake drops them after 7 days.
			"offsets.retention.minutes":      strconv.Itoa(never / 60_000),
			"transactional.id.expiration.ms": strconv.Itoa(math.MaxInt32), // the longest that it takes
		}),
	}
}

// ErrAddressInUse: another process listens on the address.
var ErrAddressInUse = errors.New("address in use")

func listenAddr(addr string) (string, error) {
	if addr == "" {
		addr = DefaultAddr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("embedded broker: address %q: want host:port: %w", addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("embedded broker: address %q: clients are told this host, so it must be one they can reach, such as 127.0.0.1", addr)
	}
	return net.JoinHostPort(host, port), nil
}

func listenError(addr string, err error) error {
	if isAddressInUse(err) {
		return fmt.Errorf("embedded broker: %w: %s: another broker or worker listens there: stop it, or use it as it is with KAFKA_BROKERS=%s: %w",
			ErrAddressInUse, addr, addr, err)
	}
	return fmt.Errorf("embedded broker: listen on %s: %w", addr, err)
}

// closeListener closes a listener that may be closed already.
func closeListener(ln net.Listener) error {
	if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
