package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// Same tells whether a list that has b instead of a says the same.
func (a Account) Same(b Account) bool { return a.Name == b.Name && a.Key.path == b.Key.path }

// AccountsSetting is the variable that names the accounts file.
const AccountsSetting = "IMOCHA_ACCOUNTS_FILE"

// maxAccounts is the size of the largest accounts file.
const maxAccounts = 1 << 20

// An AccountsError is an accounts file that cannot be taken, and all that is wrong with it. It has no secret in it.
type AccountsError struct {
	shown    string   // the file
	Problems []string // each goes on from the name of the file
}

// mostSaid bounds what an error says: a file could have as many problems as it has entries.
const mostSaid = 5

func (e *AccountsError) Error() string {
	var b strings.Builder
	b.WriteString(AccountsSetting + ": ")
	for i, problem := range e.Problems {
		if i > 0 {
			b.WriteString("; ")
		}
		if i == mostSaid {
			fmt.Fprintf(&b, "and %d problems more", len(e.Problems)-mostSaid)
			break
		}
		b.WriteString(e.shown + problem)
	}
	return b.String()
}

func (e *AccountsError) add(format string, args ...any) {
	e.Problems = append(e.Problems, fmt.Sprintf(format, args...))
}

// ReadAccounts is the list in the accounts file at path, in its order. It is the whole list or an *AccountsError. The key files
// of accounts are read, to find what is wrong with them, but for those that are the same in the list known: whether their keys
// can be read is trouble of their own, which must not keep others out.
func ReadAccounts(path string, known []Account) ([]Account, error) {
	data, err := readFile(path, maxAccounts)
	if err != nil {
		return nil, &AccountsError{showPath(path), []string{" " + err.Error()}}
	}
	return parseAccounts(path, showPath(path), data, known)
}

// parseAccounts is ReadAccounts of what the file holds, which is called shown in errors.
func parseAccounts(path, shown string, data []byte, known []Account) ([]Account, error) {
	wrong := &AccountsError{shown: shown}
	var entries []struct {
		Name       *string `json:"name"`
		APIKeyFile *string `json:"apiKeyFile"`
	}
	if err := json.Unmarshal(data, &entries, json.RejectUnknownMembers(true)); err != nil {
		wrong.add(` %v: want [{"name":"…","apiKeyFile":"…"},…]`, jsonError(data, err))
		return nil, wrong
	}
	if len(entries) == 0 {
		wrong.add(" has no accounts: want at least one")
	}
	was := make(map[attempt.Account]string, len(known))
	for _, a := range known {
		was[a.Name] = a.Key.path
	}
	var accounts []Account
	seen := map[attempt.Account]bool{}
	for i, e := range entries {
		if e.Name == nil || e.APIKeyFile == nil || *e.APIKeyFile == "" {
			wrong.add(`: entry %d lacks something: want both "name" and "apiKeyFile"`, i+1)
			continue
		}
		name, err := attempt.ParseAccount(*e.Name)
		if err != nil {
			wrong.add(": entry %d: %v", i+1, err)
		} else if seen[name] {
			wrong.add(": account %q is there twice: want each name once", name)
		}
		seen[name] = true
		keyFile, shown := beside(path, *e.APIKeyFile)
		if was[name] != keyFile {
			if err := checkSecret(keyFile, checkAPIKey); err != nil {
				wrong.add(": apiKeyFile %s of account %q %v", shown, name, err)
			}
		}
		accounts = append(accounts, Account{name, Secret{path: keyFile, check: checkAPIKey}})
	}
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}
	return accounts, nil
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
