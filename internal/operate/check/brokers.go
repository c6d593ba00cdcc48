package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/console"
	"attemptstream/internal/topics"
)

// brokerTime is how long a broker may take to answer.
const brokerTime = 5 * time.Second

// checkBrokers asks every broker of the settings, and every one that they name, by itself: a cluster whose brokers
// advertise addresses that cannot be reached from here answers and cannot be used. up says whether one answers.
func checkBrokers(ctx context.Context, cfg *Kafka, out *items) (up bool) {
	answers := make([]*kafka.MetadataResponse, len(cfg.Brokers))
	releases := make([]release, len(cfg.Brokers))
	list := each(len(cfg.Brokers), 8, func(i int) Item {
		name := "broker " + cfg.Brokers[i]
		res, version, err := askBroker(ctx, cfg, cfg.Brokers[i])
		if err != nil {
			return failed(ofKafka, name, "%s", brokerAdvice(err))
		}
		answers[i], releases[i] = res, version
		return ok(ofKafka, name, "answers; its cluster has %s", console.Counted(len(res.Brokers), "broker", "brokers"))
	})
	advertised := map[string]bool{}
	for _, a := range answers {
		if a == nil {
			continue
		}
		up = true
		for _, b := range a.Brokers {
			advertised[net.JoinHostPort(b.Host, strconv.Itoa(b.Port))] = true
		}
	}
	for i := range list {
		// The others are found through one that answers.
		if up && list[i].Result == Failed {
			list[i].Result = Notice
		}
		delete(advertised, cfg.Brokers[i])
	}
	*out = append(*out, list...)
	var others []string
	for address := range advertised {
		others = append(others, address)
	}
	slices.Sort(others)
	releases = append(releases, make([]release, len(others))...)
	*out = append(*out, each(len(others), 8, func(i int) Item {
		name := "broker " + others[i] + " (advertised)"
		_, version, err := askBroker(ctx, cfg, others[i])
		if err != nil {
			return failed(ofKafka, name, "the cluster names this address for one of its brokers, and it is not usable from here: "+
				"check advertised.listeners there, and the name service and firewalls here: %v", err)
		}
		releases[len(cfg.Brokers)+i] = version
		return ok(ofKafka, name, "answers")
	})...)
	if item, known := versionsItem(slices.Concat(cfg.Brokers, others), releases); known && !cfg.Embedded {
		out.add(item)
	}
	return up
}

// askBroker asks one broker for the topics that exist, and for its version. Only that goes to this address for certain.
func askBroker(ctx context.Context, cfg *Kafka, address string) (*kafka.MetadataResponse, release, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, brokerTime, fmt.Errorf("no answer within %s", brokerTime))
	defer cancel()
	client := cfg.Connect([]string{address}, brokerTime)
	defer client.Close()
	res, err := client.Kafka().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{cfg.Topics.Topic}})
	switch refusal := topics.Refusal(ctx, client.Kafka(), err); {
	case refusal != nil:
		err = refusal
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, unknown, err
	}
	return res, askRelease(ctx, client.Kafka()), nil
}

// brokerAdvice is what to do about a broker that does not answer.
func brokerAdvice(err error) string {
	var refusal *topics.RefusalError
	var dns *net.DNSError
	switch {
	case errors.As(err, &refusal):
		return fmt.Sprintf("it %s: %v", refusal.Advice, refusal.Err)
	case errors.As(err, &dns):
		return fmt.Sprintf("its name is not known here: check KAFKA_BROKERS: %v", err)
	}
	return fmt.Sprintf("no answer: check that KAFKA_BROKERS names it, that it runs and can be reached from here, "+
		"and that the KAFKA_TLS and KAFKA_SASL settings are those of this port: %v", err)
}
