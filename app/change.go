package app

import (
	"slices"
	"sync"
)

// Topic names a kind of thing that is kept. That a topic changed tells where to look, not what is there now.
type Topic string

// The topics. A list shows things of one topic, but may change with others too: accounts change with the lists of the
// companies, which say who is still on one, and companies with the accounts that they count.
const (
	TopicAccounts      Topic = "accounts"
	TopicRegistrations Topic = "registrations"
	TopicCompanies     Topic = "companies"
	TopicConnectors    Topic = "connectors"
	TopicSettings      Topic = "settings"
	TopicMessages      Topic = "messages"
	TopicEvents        Topic = "events" // of the audit; sessions begin and end with one
	TopicPrograms      Topic = "programs"
	TopicJobs          Topic = "jobs"      // how far they are
	TopicBackups       Topic = "backups"   // those that are kept
	TopicAddress       Topic = "address"   // where the pages are served, and with which certificate
	TopicAttention     Topic = "attention" // what takes long to find out of it; the rest of it changes with the other topics
)

// Topics returns all topics.
func Topics() []Topic {
	return []Topic{
		TopicAccounts, TopicRegistrations, TopicCompanies, TopicConnectors, TopicSettings, TopicMessages, TopicEvents, TopicPrograms, TopicJobs, TopicBackups, TopicAddress, TopicAttention,
	}
}

// Changes passes on what changed to those who watch. Its zero value is ready. It is safe for concurrent use.
type Changes struct {
	mu       sync.Mutex
	watches  map[*Watch]struct{}
	versions map[Topic]uint64
}

// Tell tells everybody who watches that something of the topics changed. It never waits: who has not taken the last
// change yet gets one for both.
func (c *Changes) Tell(topics ...Topic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.versions == nil {
		c.versions = map[Topic]uint64{}
	}
	for _, topic := range topics {
		c.versions[topic]++
	}
	for w := range c.watches {
		w.add(topics)
	}
}

// Watches returns how many watch.
func (c *Changes) Watches() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.watches)
}

// Version returns a number that is another one after each change of the topic.
func (c *Changes) Version(topic Topic) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.versions[topic]
}

// Watch returns a watch of everything that changes from now on. It must be closed.
func (c *Changes) Watch() *Watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &Watch{changes: c, wake: make(chan struct{}, 1), topics: map[Topic]bool{}}
	if c.watches == nil {
		c.watches = map[*Watch]struct{}{}
	}
	c.watches[w] = struct{}{}
	return w
}

// Watch collects what has changed until it is taken.
type Watch struct {
	changes *Changes
	wake    chan struct{}
	mu      sync.Mutex
	topics  map[Topic]bool
}

func (w *Watch) add(topics []Topic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, topic := range topics {
		w.topics[topic] = true
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Changed returns the channel that can be read when there is something to take.
func (w *Watch) Changed() <-chan struct{} { return w.wake }

// Take returns the topics that have changed since it was last called, in alphabetical order.
func (w *Watch) Take() []Topic {
	w.mu.Lock()
	defer w.mu.Unlock()
	topics := make([]Topic, 0, len(w.topics))
	for topic := range w.topics {
		topics = append(topics, topic)
	}
	clear(w.topics)
	slices.Sort(topics)
	return topics
}

// Close ends the watch.
func (w *Watch) Close() {
	w.changes.mu.Lock()
	defer w.changes.mu.Unlock()
	delete(w.changes.watches, w)
}
