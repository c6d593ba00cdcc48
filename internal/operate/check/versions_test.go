package check

import (
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kversion"
)

// speaking is what a broker of a version answers when it is asked what it speaks, by franz-go's tables.
func speaking(v *kversion.Versions) (speaks []kafka.ApiVersionsResponseApiKey) {
	v.EachMaxKeyVersion(func(key, version int16) {
		speaks = append(speaks, kafka.ApiVersionsResponseApiKey{ApiKey: int(key), MaxVersion: int(version)})
	})
	return speaks
}

func TestReleases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   *kversion.Versions
		want string
	}{
		{kversion.V2_5_0(), "older than 3.6"}, {kversion.V3_5_0(), "older than 3.6"}, {kversion.V3_6_0(), "3.6"}, {kversion.V3_7_0(), "3.7"},
		{kversion.V3_8_0(), "3.8"}, {kversion.V3_9_0(), "3.9"}, {kversion.V4_0_0(), "4.0"}, {kversion.V4_1_0(), "4.1"}, {kversion.V4_2_0(), "4.2"},
		{kversion.V4_3_0(), "4.3 or newer"}, {kversion.V4_4_0(), "4.3 or newer"},
	} {
		if got := releaseOf(speaking(c.of)).String(); got != c.want {
			t.Errorf("a broker of Kafka %s is taken for %s", c.want, got)
		}
	}
}

func TestVersionsItem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		releases []release
		result   Result
		says     string // empty: there is no item
	}{
		"one version":           {[]release{39, 39, 39}, OK, "all brokers are of Kafka 3.9"},
		"two versions":          {[]release{43, 39, 43}, Notice, "3.9 and 4.3 or newer, as during a rolling upgrade"},
		"one that is not known": {[]release{39, unknown, 39}, OK, "3.9"},
		"none that is known":    {[]release{unknown, unknown, unknown}, "", ""},
		"one that is too old":   {[]release{39, older, 39}, Failed, "Kafka of b:1 is older than 3.6"},
	} {
		item, known := versionsItem([]string{"a:1", "b:1", "c:1"}, c.releases)
		if known != (c.says != "") || item.Result != c.result || !strings.Contains(item.Detail, c.says) {
			t.Errorf("%s: %+v, want %s and %q", name, item, c.result, c.says)
		}
	}
}
