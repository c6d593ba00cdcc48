package groups

import (
	"sync"
	"time"
)

// A Cache keeps what was counted from one call of Lag to the next, for one topic. It is safe for concurrent use; calls that
// share one count one after the other.
type Cache struct {
	mu      sync.Mutex
	indexes map[int]*index       // by partition
	idle    map[string]time.Time // until when groups that do not read the topic are not asked again
}

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{indexes: make(map[int]*index), idle: make(map[string]time.Time)}
}

// idleTime is for how long a group that does not read the topic is taken not to.
const idleTime = time.Minute

// index returns that of a partition. One that knows of offsets behind the end is of another log: the topic was created anew
// or has lost its tail.
func (c *Cache) index(source source, topic string, partition int, end int64) *index {
	x, ok := c.indexes[partition]
	if ok && (x.topic != topic || len(x.runs) > 0 && x.runs[len(x.runs)-1].to > end) {
		ok = false
	}
	if !ok {
		x = &index{topic: topic, partition: partition, tails: make(map[int64]span), used: make(map[int64]bool)}
		c.indexes[partition] = x
	}
	x.source = source
	return x
}

// isIdle tells whether a group need not be asked.
func (c *Cache) isIdle(group string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.idle[group]
	return ok && now.Before(until)
}

// setIdle remembers whether a group reads the topic.
func (c *Cache) setIdle(group string, idle bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.idle, group)
	if idle {
		c.idle[group] = now.Add(idleTime)
	}
}

// forget drops what is known of groups that are gone.
func (c *Cache) forget(groups map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for group := range c.idle {
		if _, ok := groups[group]; !ok {
			delete(c.idle, group)
		}
	}
}
