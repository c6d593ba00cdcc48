package safeguards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An edit puts another text in the place of one in a file.
type edit struct {
	file string // from the module's root
	old  string // stands in the file exactly once
	with string
}

// changed are the files that the edits make others of, by name, as they then are.
func changed(root string, edits []edit) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range edits {
		text, ok := files[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s: the code has changed: say anew how to take this safeguard out. This text is there %d times, want once:\n%s",
				e.file, n, e.old)
		}
		files[e.file] = strings.Replace(text, e.old, e.with, 1)
	}
	return files, nil
}

// overlay writes the changed files to dir, and what tells go build to take them in the place of those of the tree.
func overlay(root, dir string, edits []edit) (name string, err error) {
	files, err := changed(root, edits)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name = filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}
