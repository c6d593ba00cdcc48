package embedded

import (
	"errors"
	"syscall"
)

func isAddressInUse(err error) bool {
	const wsaeaddrinuse syscall.Errno = 10048
	return errors.Is(err, wsaeaddrinuse)
}
