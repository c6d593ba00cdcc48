//go:build unix && !linux

package chaos_test

import "errors"

// fillDisk is possible on Linux only.
func fillDisk(int) error { return errors.ErrUnsupported }
