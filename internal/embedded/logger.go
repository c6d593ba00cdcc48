package embedded

import (
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

// brokerLog passes kfake's log on and keeps its errors, since kfake tells some failures to its logger alone.
type brokerLog struct {
	to     *zap.Logger
	strict bool // warnings are errors

	mu     sync.Mutex
	errors []error
}

func newBrokerLog(to *zap.Logger) *brokerLog { return &brokerLog{to: to} }

// mostErrors bounds what a broker with a full disk keeps.
const mostErrors = 8

// Logf implements kfake.Logger.
func (l *brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if l.strict && level == kfake.LogLevelWarn {
		level = kfake.LogLevelError
	}
	switch level {
	case kfake.LogLevelError:
		err := fmt.Errorf(format, args...)
		l.mu.Lock()
		if len(l.errors) < mostErrors {
			l.errors = append(l.errors, err)
		}
		l.mu.Unlock()
		l.to.Error("broker failed", zap.Error(err))
	case kfake.LogLevelWarn:
		l.to.Warn("broker warns", zap.String("warning", fmt.Sprintf(format, args...)))
	case kfake.LogLevelInfo, kfake.LogLevelDebug:
		// One line a request and more: of use to kfake's authors.
	}
}

// failure is what went wrong so far.
func (l *brokerLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errors...)
}
