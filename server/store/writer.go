package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// handle runs statements, each prepared once: on the writer's connection or on the readers' pool.
type handle struct {
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	mu      sync.RWMutex
	stmts   map[string]*sql.Stmt
}

func (h *handle) stmt(query string) (*sql.Stmt, error) {
	h.mu.RLock()
	stmt := h.stmts[query]
	h.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := h.prepare(context.Background(), rewrite(query))
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if first := h.stmts[query]; first != nil {
		_ = stmt.Close() //nolint:sqlclosecheck // somebody else was quicker; nothing ran on it
		return first, nil
	}
	if h.stmts == nil {
		h.stmts = map[string]*sql.Stmt{}
	}
	h.stmts[query] = stmt
	return stmt, nil
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, stmt := range h.stmts {
		errs = append(errs, stmt.Close())
	}
	h.stmts = nil
	return errors.Join(errs...)
}

// The statements below run without a caller's context. They are short, and go-sqlite3 interrupts the connection when
// a context ends, which would undo the work of everybody in the same transaction.

func (h *handle) exec(query string, args ...any) (int64, error) {
	stmt, err := h.stmt(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one scans the first row of a query into dest, or returns sql.ErrNoRows.
func (h *handle) one(query string, args []any, dest ...any) error {
	return h.row(query, args...).Scan(dest...)
}

// scanner is a row, or why there is none.
type scanner interface{ Scan(dest ...any) error }

// row returns the first row of a query. Its Scan returns sql.ErrNoRows when there is none.
func (h *handle) row(query string, args ...any) scanner {
	stmt, err := h.stmt(query)
	if err != nil {
		return noRow{err}
	}
	return stmt.QueryRowContext(context.Background(), args...)
}

type noRow struct{ err error }

func (r noRow) Scan(...any) error { return r.err }

// each calls scan for every row of a query.
func (h *handle) each(query string, args []any, scan func(row *sql.Rows) error) (err error) {
	stmt, err := h.stmt(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// maxBatch bounds how many units of work share one commit.
const maxBatch = 64

// job is one unit of work that waits for the writer.
type job struct {
	work func(tx *handle) error
	asks bool // it changes nothing
	err  error
	done chan struct{}
}

// writer owns the one connection that writes. Units of work that arrive while another commit is being synced run one
// after the other in a single transaction and share the next commit; each is told its own result, and none is told
// before its commit is durable. A unit that fails is undone alone.
type writer struct {
	conn   *sql.Conn
	tx     *handle
	disk   *disk
	reopen func() (*sql.Conn, error) // opens a new connection and gives the present one up
	audit  func(tx *handle, ev app.Event) error
	seen   *changed
	tell   *app.Changes        // what was changed, after the commit
	told   func(ev app.Event)  // of what the audit has, after the commit; or nil
	note   func(commits int64) // is told how often something was committed, every noteEvery at most
	jobs   chan *job
	quit   chan struct{}
	done   chan struct{}

	waiting atomic.Bool // it is about to begin, which takes time only while another program has the database for itself
	stale   bool        // the connection has seen a fault of the disk
	events  []app.Event // of the transaction under way
	commits int64       // so far
}

func newWriter(conn *sql.Conn, d *disk, audit func(*handle, app.Event) error, seen *changed, tell *app.Changes) *writer {
	w := &writer{
		conn: conn, tx: &handle{prepare: conn.PrepareContext}, disk: d, audit: audit, seen: seen, tell: tell,
		jobs: make(chan *job, maxBatch), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go w.run()
	return w
}

// do runs one unit of work and returns after its commit. When ctx ends while the unit waits for its turn, do still
// waits: what was handed over is done or not done, never unknown.
func (w *writer) do(ctx context.Context, work func(tx *handle) error) error {
	j, err := w.handOver(ctx, &job{work: work})
	if err != nil {
		return err
	}
	return w.await(context.WithoutCancel(ctx), j)
}

// ask is do of work that changes nothing: it returns when ctx ends, whatever becomes of the work.
func (w *writer) ask(ctx context.Context, work func(tx *handle) error) error {
	j, err := w.handOver(ctx, &job{work: work, asks: true})
	if err == nil {
		err = w.await(ctx, j)
	}
	if err != nil && ctx.Err() != nil && w.waiting.Load() {
		return sqlite3.Error{Code: sqlite3.ErrBusy}
	}
	return err
}

func (w *writer) handOver(ctx context.Context, j *job) (*job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.done = make(chan struct{})
	select {
	case w.jobs <- j:
		return j, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.quit:
		return nil, errClosed
	}
}

func (w *writer) await(ctx context.Context, j *job) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		// The writer may have taken the job in its last round.
		select {
		case <-j.done:
			return j.err
		default:
			return errClosed
		}
	}
}

var errClosed = errors.New("the store is closed")

func (w *writer) run() {
	defer close(w.done)
	noted := w.commits
	var note <-chan time.Time // nil while all commits are noted
	for {
		select {
		case j := <-w.jobs:
			w.batch(j)
			if note == nil && w.commits > noted {
				note = time.After(noteEvery)
			}
		case <-note:
			note, noted = nil, w.commits
			w.note(noted)
		case <-w.quit:
			for {
				select {
				case j := <-w.jobs:
					w.batch(j)
				default:
					return
				}
			}
		}
	}
}

func (w *writer) close() error {
	close(w.quit)
	<-w.done
	return errors.Join(w.tx.close(), w.conn.Close())
}

// batch runs the job and those that wait behind it in one transaction.
func (w *writer) batch(first *job) {
	w.disk.check()
	taken := append(make([]*job, 0, maxBatch), first)
	defer func() {
		for _, j := range taken {
			close(j.done)
		}
	}()
	if err := w.begin(); err != nil {
		// Whoever waits has waited for the same: one after the other they would wait for as long again, each.
		for more := true; more; {
			taken, more = w.next(taken)
		}
		for _, j := range taken {
			j.err = err
		}
		w.ended(err)
		return
	}
	told, broken := w.askDisk()
	for i := 0; i < len(taken) && broken == nil; i++ {
		if broken = w.attempt(taken[i]); broken == nil && len(taken) < maxBatch {
			taken, _ = w.next(taken)
		}
	}
	commits := w.commits
	if broken == nil {
		commits, broken = w.count(taken)
	}
	if broken == nil {
		broken = w.control("COMMIT")
	}
	w.ended(broken)
	topics, events := w.seen.take(), w.events // also of a transaction that is lost
	w.events = nil
	if broken == nil {
		w.commits = commits
		w.tell.Tell(topics...)
		for _, ev := range events {
			w.told(ev)
		}
		return
	}
	if told != nil {
		w.disk.putBack(told)
	}
	// What SQLite has not undone by itself is undone here; when it has, this statement says so and is harmless.
	_ = w.control("ROLLBACK")
	for _, j := range taken {
		if j.err == nil {
			j.err = broken
		}
	}
}

// count counts the transaction under way, if there is anybody in it who changes something, and returns how many there were with it.
func (w *writer) count(taken []*job) (commits int64, err error) {
	if !slices.ContainsFunc(taken, func(j *job) bool { return !j.asks }) {
		return w.commits, nil
	}
	err = w.tx.one("UPDATE instance SET commits = commits + 1 RETURNING commits", nil, &commits)
	if errors.Is(err, sql.ErrNoRows) { // it is not known yet whose the database is
		return w.commits, nil
	}
	return commits, err
}

// begin begins a transaction. After a fault of the disk it does so on a new connection, with its files opened anew: what the old one
// takes for written may not be on the disk, and one that was opened while the disk was read-only stays so.
func (w *writer) begin() error {
	w.waiting.Store(true)
	defer w.waiting.Store(false)
	if w.stale {
		conn, err := w.reopen()
		if err != nil {
			return err
		}
		w.conn, w.tx, w.stale = conn, &handle{prepare: conn.PrepareContext}, false
	}
	return w.control("BEGIN IMMEDIATE")
}

// ended takes into account how a transaction has ended.
func (w *writer) ended(err error) {
	if se, ok := errors.AsType[sqlite3.Error](err); ok && isDiskFault(se) && se.Code != sqlite3.ErrFull {
		w.stale = true
	}
	if w.disk.committed(err) {
		w.tell.Tell(app.TopicAttention)
	}
}

// askDisk writes what the disk has to tell into the audit and returns it, or nil when that is nothing. After a fault of
// the disk it makes sure that the transaction writes something, so that its commit tells whether that is possible again.
// With an error the whole transaction is lost.
func (w *writer) askDisk() (*app.Event, error) {
	if w.disk.isFailing() {
		if err := w.attempt(&job{work: probe}); err != nil {
			return nil, err
		}
	}
	news := w.disk.takeNews()
	if news == nil {
		return nil, nil
	}
	return news, w.attempt(&job{work: func(tx *handle) error { return w.audit(tx, *news) }})
}

// next appends a job that waits to those that are taken, if there is one.
func (w *writer) next(taken []*job) (_ []*job, more bool) {
	select {
	case j := <-w.jobs:
		return append(taken, j), true
	default:
		return taken, false
	}
}

// attempt runs one job in a savepoint of its own. It returns an error when the whole transaction is lost.
func (w *writer) attempt(j *job) error {
	if err := w.control("SAVEPOINT job"); err != nil {
		j.err = err
		return err
	}
	before := len(w.events)
	j.err = safely(j.work, w.tx)
	if j.err == nil {
		return w.control("RELEASE job")
	}
	w.events = w.events[:before]
	if fatal(j.err) {
		return j.err
	}
	return w.undo("job")
}

// undo goes back to a savepoint and ends it.
func (w *writer) undo(savepoint string) error {
	if err := w.control("ROLLBACK TO " + savepoint); err != nil {
		return err
	}
	return w.control("RELEASE " + savepoint)
}

func (w *writer) control(statement string) error {
	_, err := w.tx.exec(statement)
	return err
}

// safely turns a panic of one unit of work into its error, so that the others are not harmed.
func safely(work func(tx *handle) error, tx *handle) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a unit of work: %v", r)
		}
	}()
	return work(tx)
}
