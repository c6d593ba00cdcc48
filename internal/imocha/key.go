package imocha

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// A KeySource is where an account's API key comes from. Key is called before the first request, and again whenever the
// key is refused, so a source that can change reads anew each time. Its errors must not hold the key.
type KeySource interface {
	Key() (string, error)
}

// keyFunc is a KeySource that prints as an address, whatever prints the settings that hold it.
type keyFunc func() (string, error)

func (f keyFunc) Key() (string, error) { return f() }

// StaticKey is a key that never changes.
func StaticKey(key string) KeySource {
	return keyFunc(func() (string, error) {
		return checkedKey(key, "the API key")
	})
}

// maxKeyFile is more than any key needs, and keeps a wrong path from being read into memory.
const maxKeyFile = 16 << 10

// KeyFile is a key that is kept in a file, which may be replaced while the client runs.
func KeyFile(path string) KeySource {
	return keyFunc(func() (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("read the API key: %w", err)
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
		if err != nil {
			return "", fmt.Errorf("read the API key: %w", err)
		}
		if len(text) > maxKeyFile {
			return "", fmt.Errorf("the API key file %s is longer than %d bytes: want the key and nothing else", path, maxKeyFile)
		}
		return checkedKey(string(text), "the API key file "+path)
	})
}

func checkedKey(text, what string) (string, error) {
	key := strings.TrimSpace(text)
	if key == "" {
		return "", fmt.Errorf("%s is empty", what)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] == 0x7f {
			return "", fmt.Errorf("%s has more than one line or control characters in it: want the key and nothing else", what)
		}
	}
	return key, nil
}

// keyring holds the key that is in use, so that the source is asked only when it has to be.
type keyring struct {
	source KeySource

	mu  sync.Mutex
	key string // empty: not read yet
}

// current is the key to send.
func (k *keyring) current() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == "" {
		return k.read()
	}
	return k.key, nil
}

// renewed is the key to send after one was refused. It is the same one if there is no other.
func (k *keyring) renewed() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.read()
}

func (k *keyring) read() (string, error) {
	key, err := k.source.Key()
	if err != nil {
		return "", err
	}
	if key == "" {
		return "", errors.New("the API key is empty")
	}
	k.key = key
	return key, nil
}
