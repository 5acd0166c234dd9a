package app_test

import (
	"slices"
	"testing"

	"foyer/app"
)

func TestChanges(t *testing.T) {
	var c app.Changes
	c.Tell(app.TopicEvents) // nobody watches
	a, b := c.Watch(), c.Watch()
	c.Tell(app.TopicMessages, app.TopicEvents)
	<-a.Changed()
	if got := a.Take(); !slices.Equal(got, []app.Topic{app.TopicEvents, app.TopicMessages}) {
		t.Errorf("first: %v", got)
	}
	c.Tell(app.TopicAccounts)
	<-a.Changed()
	<-b.Changed()
	if got := a.Take(); !slices.Equal(got, []app.Topic{app.TopicAccounts}) {
		t.Errorf("second: %v", got)
	}
	if got := b.Take(); !slices.Equal(got, []app.Topic{app.TopicAccounts, app.TopicEvents, app.TopicMessages}) {
		t.Errorf("both at once: %v", got)
	}
	a.Close()
	a.Close()
	c.Tell(app.TopicPrograms)
	select {
	case <-a.Changed():
		t.Error("a closed watch was told")
	case <-b.Changed():
	}
	if got := c.Version(app.TopicEvents); got != 2 {
		t.Errorf("version %d", got)
	}
}
