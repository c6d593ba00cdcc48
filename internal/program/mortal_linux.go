package program

import "syscall"

// mortal lets a process die with the thread that starts it: not even a test binary that is killed leaves it behind.
func mortal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
