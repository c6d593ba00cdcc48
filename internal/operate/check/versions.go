package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// A release is a version of Kafka, by number: 39 is 3.9. Brokers do not say theirs, but what they can do.
type release int

const (
	// unknown is that of a broker that was not asked, or did not say.
	unknown release = 0
	// older is anything before the first that a worker can trust.
	older release = 1
	// first is the first whose brokers ask the coordinator before they take a batch of a transaction (KIP-890). Older ones
	// take a late batch of an aborted transaction into the next one, and no client can prevent that.
	first release = 36
	// last is the last one that is known here, or any that follows.
	last release = 43
)

// milestones are what a release was the first to speak: a version of a request that no setting and no feature turns off.
var milestones = [...]struct {
	release release
	key     protocol.ApiKey
	version int
}{
	{43, protocol.DescribeLogDirs, 5},
	{42, protocol.OffsetCommit, 10},
	{41, protocol.Produce, 13},
	{40, protocol.Metadata, 13},
	{39, protocol.FindCoordinator, 6},
	{38, protocol.Produce, 11},
	{37, protocol.Produce, 10},
	{first, protocol.AddPartitionsToTxn, 4},
}

// releaseOf is the version of a broker that speaks these versions of requests.
func releaseOf(speaks []kafka.ApiVersionsResponseApiKey) release {
	newest := map[protocol.ApiKey]int{}
	for _, k := range speaks {
		newest[protocol.ApiKey(k.ApiKey)] = k.MaxVersion
	}
	for _, m := range milestones {
		if version, ok := newest[m.key]; ok && version >= m.version {
			return m.release
		}
	}
	return older
}

func (r release) String() string {
	switch r {
	case unknown:
		return "unknown"
	case older:
		return "older than " + first.String()
	case last:
		return fmt.Sprintf("%d.%d or newer", r/10, r%10)
	}
	return fmt.Sprintf("%d.%d", r/10, r%10)
}

// askRelease asks the broker that a client was made for.
func askRelease(ctx context.Context, client *kafka.Client) release {
	res, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err != nil || res.Error != nil {
		return unknown // it has answered the question before, so this is no more than unknown
	}
	return releaseOf(res.ApiKeys)
}

// versionsItem says what follows from the versions of a cluster's brokers. known is false if none is known.
func versionsItem(brokers []string, releases []release) (item Item, known bool) {
	const name = "versions"
	var old []string
	var different []release
	for i, r := range releases {
		if r == unknown {
			continue
		}
		known = true
		if r == older {
			old = append(old, brokers[i])
		}
		if !slices.Contains(different, r) {
			different = append(different, r)
		}
	}
	slices.Sort(different)
	switch {
	case len(old) > 0:
		return failed(ofKafka, name, "Kafka of %s is %s: it takes a late batch of an aborted transaction into the next one, so that something "+
			"may be told twice or lost, which no client can prevent: upgrade it", strings.Join(old, ", "), older), known
	case len(different) > 1:
		var texts []string
		for _, r := range different {
			texts = append(texts, r.String())
		}
		return notice(ofKafka, name, "brokers are of Kafka %s, as during a rolling upgrade: workers go on meanwhile, and may be started and "+
			"stopped; bring all brokers to one version before their features are finalized (kafka-features.sh)", strings.Join(texts, " and ")), known
	case known:
		return ok(ofKafka, name, "all brokers are of Kafka %s", different[0]), known
	}
	return Item{}, false
}
