package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// topicsOf says which topics change with a row of a table; nil for a table that no list shows. A table that is not here is
// one that somebody has forgotten: a test compares them with those there are.
func topicsOf() map[string][]app.Topic {
	people := []app.Topic{app.TopicAccounts, app.TopicCompanies}
	return map[string][]app.Topic{
		"account":               people,
		"account_group":         {app.TopicAccounts},
		"membership":            {app.TopicAccounts},
		"identity":              {app.TopicAccounts},
		"company":               people,
		"allow_entry":           people,
		"company_tenant":        {app.TopicCompanies},
		"registration":          {app.TopicRegistrations},
		"registration_identity": {app.TopicRegistrations},
		"connector":             {app.TopicConnectors},
		"setting":               {app.TopicSettings},
		"dkim_key":              {app.TopicSettings},
		"message":               {app.TopicMessages},
		"suppression":           {app.TopicMessages},
		"mail_block":            {app.TopicMessages},
		"mail_tls":              {app.TopicMessages},
		"audit":                 {app.TopicEvents},
		"program":               {app.TopicPrograms},

		"instance":     nil,
		"spent_link":   nil,
		"reset_link":   nil,
		"link_code":    nil,
		"session":      nil, // seen at every minute; that one begins or ends is told by its event
		"message_data": nil,
		"relayed":      nil,
		"mta_sts":      nil,
	}
}

// changed is which topics the transaction under way has changed, told by SQLite for every row. Only the writer's goroutine
// touches it: SQLite calls its hook while a statement runs.
//
// What is undone with a savepoint stays: a topic may be told that did not change, never the other way round. The hook is
// not called for a DELETE without a WHERE (sqlite.org/c3ref/update_hook), so there must be none.
type changed struct {
	bits map[string]uint // of the topics of each table
	seen uint
}

func newChanged() *changed {
	place := map[app.Topic]uint{}
	for i, topic := range app.Topics() {
		place[topic] = 1 << i
	}
	c := &changed{bits: map[string]uint{}}
	for table, topics := range topicsOf() {
		for _, topic := range topics {
			c.bits[table] |= place[topic]
		}
	}
	return c
}

// listen lets SQLite tell of every row that is written on a connection.
func (c *changed) listen(conn *sql.Conn) error {
	return conn.Raw(func(raw any) error {
		sc, ok := raw.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("a connection of type %T", raw)
		}
		sc.RegisterUpdateHook(func(_ int, _ string, table string, _ int64) { c.seen |= c.bits[table] })
		return nil
	})
}

// take returns the topics that were changed since it was last called.
func (c *changed) take() []app.Topic {
	var topics []app.Topic
	for i, topic := range app.Topics() {
		if c.seen&(1<<i) != 0 {
			topics = append(topics, topic)
		}
	}
	c.seen = 0
	return topics
}

// Changes returns what tells of every change once it is durable.
func (s *Store) Changes() *app.Changes { return &s.changes }

// openWriter takes the one connection that writes.
func (s *Store) openWriter(ctx context.Context) error {
	seen := newChanged()
	conn, err := seen.connect(ctx, s.writes)
	if err != nil {
		return dataErrorf(s.dir, err, "the database cannot be opened")
	}
	reopen := func() (*sql.Conn, error) {
		writes := s.openWrites()
		conn, err := seen.connect(context.Background(), writes)
		if err != nil {
			return nil, errors.Join(err, writes.Close())
		}
		// The new one comes first: SQLite tidies up the write-ahead log when the last is closed.
		given := s.writes
		s.writes = writes
		if err := errors.Join(s.writer.tx.close(), s.writer.conn.Close(), given.Close()); err != nil {
			s.log.Warn("a connection to the database was given up", "err", err)
		}
		return conn, nil
	}
	s.writer = newWriter(conn, s.disk, s.audit, seen, &s.changes)
	s.writer.reopen, s.writer.told, s.writer.note = reopen, s.audited, s.note
	return nil
}

// connect opens the connection that writes, and listens to it.
func (c *changed) connect(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.listen(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
