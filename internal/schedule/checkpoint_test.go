package schedule

import (
	"errors"
	"testing"
)

// Nothing that another version of the program wrote, or that is damaged, is taken for a checkpoint.
func TestDecodeCheckpointRefuses(t *testing.T) {
	var newer *NewerVersionError
	if _, err := DecodeCheckpoint([]byte(`{"version":2,"states":7}`)); !errors.As(err, &newer) || newer.Version != 2 {
		t.Errorf("a newer version: %v", err)
	}
	for name, text := range map[string]string{
		"no JSON":             `{"version":1`,
		"no version":          `{"states":{}}`,
		"no coverage":         `{"version":1,"states":{"expired":null}}`,
		"front before start":  `{"version":1,"states":{"expired":{"start":"2026-01-01T00:00:01Z","front":"2026-01-01T00:00:00Z"}}}`,
		"gap beyond front":    `{"version":1,"states":{"expired":{"start":"2026-01-01T00:00:00Z","front":"2026-01-01T00:00:05Z","gaps":[{"from":"2026-01-01T00:00:04Z","until":"2026-01-01T00:00:06Z"}]}}}`,
		"empty gap":           `{"version":1,"states":{"expired":{"start":"2026-01-01T00:00:00Z","front":"2026-01-01T00:00:05Z","gaps":[{"from":"2026-01-01T00:00:04Z","until":"2026-01-01T00:00:04Z"}]}}}`,
		"fractions of second": `{"version":1,"states":{"expired":{"start":"2026-01-01T00:00:00.5Z","front":"2026-01-01T00:00:05Z"}}}`,
	} {
		if _, err := DecodeCheckpoint([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
