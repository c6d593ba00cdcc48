//go:build !unix || solaris || illumos || aix

package kafkatest

import (
	"context"
	"errors"
	"os"
)

// Without file locks and Unix signals there is no Kafka: find fails before any of these is sent.
var signalStop, signalFreeze, signalContinue = os.Kill, os.Kill, os.Kill

func lock(context.Context, string) (func(), error) {
	return nil, errors.ErrUnsupported
}
