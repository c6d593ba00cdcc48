package config

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

func (l *loader) imocha(s *IMocha) {
	s.BaseURL = read(l, &l.vars.BaseURL, parseBaseURL)
	if s.BaseURL.Scheme == "http" && !loopback(s.BaseURL.Hostname()) {
		l.warn(&l.vars.BaseURL, "is %s: the API key travels in the clear; want https", l.vars.BaseURL.quoted())
	}
	s.Accounts = l.accounts()
	s.RequestTimeout = read(l, &l.vars.RequestTimeout, positive)
	s.RateLimit = read(l, &l.vars.RateLimit, rate)
	s.Concurrency = read(l, &l.vars.Concurrency, integer(1, 64))
}

func parseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !validPort(u.Port()):
		// Not err itself, which has the whole text in it.
		return nil, errors.New("is not the address of an API: want something like https://apiv3.imocha.io")
	case u.User != nil:
		return nil, errors.New("has a user in it: want the key in IMOCHA_API_KEY_FILE, and the address alone here")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("has a query or a fragment: want the address without it, something like https://apiv3.imocha.io")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// validPort tells whether a port can be asked; empty is the scheme's.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// loopback tells whether what goes to host stays on this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// accounts are those of the accounts file, or the one that the key's variables are about.
func (l *loader) accounts() []Account {
	file, key, keyFile := &l.vars.AccountsFile, &l.vars.APIKey, &l.vars.APIKeyFile
	if file.isSet() {
		for _, v := range []*variable{key, keyFile} {
			if v.isSet() {
				l.wrong(v, "is set, and so is %s: want the keys of all accounts there, and only there", file.name)
			}
		}
		if !l.needs(file.group()) {
			return nil
		}
		return l.accountsFile(file)
	}
	if !key.isSet() && !keyFile.isSet() {
		l.wrong(key, "is not set: want the API key, or its file in %s, or several accounts in %s", keyFile.name, file.name)
	}
	return []Account{{Name: attempt.DefaultAccount, Key: l.secret(key, keyFile, "the API key", checkAPIKey)}}
}

// checkAPIKey refuses what cannot be the value of an HTTP header, or is certainly not only a key.
func checkAPIKey(key string) error {
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return errors.New("has a space, a line end or another character in it that no key has: want the key alone, on one line")
		}
	}
	return nil
}

// maxAccounts is the size of the largest accounts file.
const maxAccounts = 1 << 20

func (l *loader) accountsFile(v *variable) []Account {
	path := v.value()
	data, err := readFile(path, maxAccounts)
	if err != nil {
		l.wrong(v, "%s %v", v.quoted(), err)
		return nil
	}
	var entries []struct {
		Name       *string `json:"name"`
		APIKeyFile *string `json:"apiKeyFile"`
	}
	if err := json.Unmarshal(data, &entries, json.RejectUnknownMembers(true)); err != nil {
		l.wrong(v, `%s %v: want [{"name":"…","apiKeyFile":"…"},…]`, v.quoted(), jsonError(data, err))
		return nil
	}
	if len(entries) == 0 {
		l.wrong(v, "%s has no accounts: want at least one", v.quoted())
	}
	var accounts []Account
	seen := map[attempt.Account]bool{}
	for i, e := range entries {
		if e.Name == nil || e.APIKeyFile == nil || *e.APIKeyFile == "" {
			l.wrong(v, `%s: entry %d lacks something: want both "name" and "apiKeyFile"`, v.quoted(), i+1)
			continue
		}
		name, err := attempt.ParseAccount(*e.Name)
		if err != nil {
			l.wrong(v, "%s: entry %d: %v", v.quoted(), i+1, err)
		} else if seen[name] {
			l.wrong(v, "%s: account %q is there twice: want each name once", v.quoted(), name)
		}
		seen[name] = true
		keyFile, shown := beside(path, *e.APIKeyFile)
		accounts = append(accounts, Account{name, l.secretFile(v, keyFile, fmt.Sprintf("%s: apiKeyFile %s of account %q", v.quoted(), shown, name), checkAPIKey)})
	}
	return accounts
}

// beside is the path of a file that is named in the file at base, and how it may be shown.
func beside(base, path string) (full, shown string) {
	if filepath.IsAbs(path) {
		return path, showPath(path)
	}
	full = filepath.Join(filepath.Dir(base), path)
	if _, err := os.Stat(full); err != nil && showPath(path) == hiddenPath {
		return full, hiddenPath
	}
	return full, quote(full)
}

// jsonError says what is wrong and where, without anything of the file's content: a key may have been put into it.
func jsonError(data []byte, err error) error {
	what, offset := "is not valid JSON", int64(0)
	if syntactic := (*jsontext.SyntacticError)(nil); errors.As(err, &syntactic) {
		offset = syntactic.ByteOffset
	}
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) {
		what, offset = "has a value of the wrong type", semantic.ByteOffset
	}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		what = "has a member other than name and apiKeyFile"
	case errors.Is(err, jsontext.ErrDuplicateName):
		what = "has a member twice in one entry"
	}
	line := 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
	return fmt.Errorf("%s (line %d)", what, line)
}
