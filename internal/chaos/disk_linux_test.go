package chaos_test

import "golang.org/x/sys/unix"

// fillDisk lets every further write of a process to a file fail, as on a full disk: no file may grow. A process that is
// started in its place has room again. (A small file system of its own would need root.)
func fillDisk(pid int) error {
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: 1}, nil)
}
