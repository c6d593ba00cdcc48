package kafkatx

import (
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Record is one record of a topic's partition.
type Record struct {
	Topic     string
	Partition int
	Offset    int64     // set when read, ignored when written
	Time      time.Time // in milliseconds; zero when written: the time of Commit
	Key       []byte    // nil: no key
	Value     []byte    // nil: a tombstone
	Headers   []kafka.Header
}

// anyPartition stands for a topic as a whole.
const anyPartition = -1

type topicPartition struct {
	topic     string
	partition int32
}

func (tp topicPartition) String() string {
	if tp.partition == anyPartition {
		return fmt.Sprintf("topic %q", tp.topic)
	}
	return fmt.Sprintf("topic %q partition %d", tp.topic, tp.partition)
}
