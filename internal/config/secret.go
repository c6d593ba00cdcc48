package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Secret is a value that is never printed, whatever verb or encoder is used on it or on what holds it. It comes from a
// variable, or from a file that Read reads anew each time, so that it can be exchanged without a restart.
type Secret struct {
	// A pointer, since package fmt prints unexported fields as they are, but of a pointer within a struct its address.
	text  *string
	path  string
	check func(string) error // what the file has to hold; may be nil
}

// StaticSecret is a secret that never changes.
func StaticSecret(text string) Secret { return Secret{text: &text} }

// FileSecret is the secret that the file at path holds.
func FileSecret(path string) Secret { return Secret{path: path} }

// IsSet tells whether there is a secret.
func (s Secret) IsSet() bool { return s.text != nil || s.path != "" }

// FromFile tells whether Read can answer something else later.
func (s Secret) FromFile() bool { return s.path != "" }

// Read is the secret as of now, without line ends after it. The error names the file, and nothing of what it holds.
func (s Secret) Read() (string, error) {
	if s.path == "" {
		if s.text == nil {
			return "", errors.New("the secret is not set")
		}
		return *s.text, nil
	}
	text, err := readSecret(s.path)
	if err == nil && s.check != nil {
		err = s.check(text)
	}
	if err != nil {
		return "", fmt.Errorf("secret file %s %w", showPath(s.path), err)
	}
	return text, nil
}

// String tells whether the secret is set.
func (s Secret) String() string {
	if s.IsSet() {
		return "(set)"
	}
	return "(not set)"
}

// Format writes String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// maxSecret is the size of the largest file that is taken for a secret: the wrong path must not fill the memory.
const maxSecret = 64 << 10

// readSecret is what the file holds, without line ends at its end: editors and echo add them.
func readSecret(path string) (string, error) {
	data, err := readFile(path, maxSecret)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", errors.New("is empty: want a file that holds the secret")
	}
	return text, nil
}

// checkSecret tells what is wrong with the file at path as one that holds a secret. The error goes on from its name.
func checkSecret(path string, check func(string) error) error {
	text, err := readSecret(path)
	if err != nil {
		return err
	}
	return check(text)
}

// readFile reads a file of at most limit bytes. Its errors go on from the name of the file, which they do not have.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cannotRead(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file: want the path of one")
	}
	// Said here, since for root such a file opens all the same, and the mistake shows elsewhere.
	if info.Mode().Perm()&0o444 == 0 {
		return nil, fmt.Errorf("is readable by nobody (its mode is %04o): want it readable by this process", info.Mode().Perm())
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, cannotRead(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("is longer than %d KiB: want another file", limit>>10)
	}
	return data, nil
}

// cannotRead is err without the path.
func cannotRead(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot be read (%w): want the path of a file that can", err)
}

// hidden stands for a value that may have a secret in it.
const hidden = "(hidden)"

// hiddenPath stands for a path that looks like none.
const hiddenPath = "(hidden, since it may be the secret itself)"

// showPath is path, quoted. A secret that was put where a path belongs is not shown: what names no existing file and
// does not look like a path may be one.
func showPath(path string) string {
	if _, err := os.Stat(path); err == nil {
		return quote(path)
	}
	ext := len(filepath.Ext(path))
	dir := filepath.Dir(path)
	_, err := os.Stat(dir)
	looksLikePath := filepath.IsAbs(path) || dir != "." && err == nil || 2 <= ext && ext <= 6
	if !looksLikePath || strings.ContainsAny(path, "\n{[") {
		return hiddenPath
	}
	return quote(path)
}
