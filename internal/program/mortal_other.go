//go:build !linux

package program

import "syscall"

// mortal: only Linux kills a process at its parent's death. Elsewhere the test's cleanup has to do.
func mortal() *syscall.SysProcAttr { return nil }
