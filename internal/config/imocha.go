package config

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

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
		l.settings.IMocha.AccountsFile = file.value()
		accounts, err := ReadAccounts(file.value(), nil)
		var wrong *AccountsError
		if errors.As(err, &wrong) {
			for _, problem := range wrong.Problems {
				l.wrong(file, "%s%s", wrong.shown, problem)
			}
		}
		return accounts
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
