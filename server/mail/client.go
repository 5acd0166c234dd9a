package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"foyer/app"
)

// maxCommand is the longest command line. RFC 5321, 4.5.3.1.4, says 512 with room for extensions; AUTH wants more.
const maxCommand = 2048

// mode says what the next bytes of a client are.
type mode int

const (
	modeCommand mode = iota
	modeAnswer       // to a challenge of AUTH
	modeData         // lines of a mail
	modeChunk        // bytes of a mail, as many as BDAT has said
)

// client is the connection of a program, as go-smtp sees it. It hands go-smtp one line at a time, and no more than the
// chunk of a BDAT: so it knows what every byte is, and can do what go-smtp leaves open. go-smtp (0.25.1)
//
//   - takes no notice of how a mail ended: a BDAT whose connection ends inside the chunk counts as complete, and after a
//     timeout inside DATA it reads what still comes as commands;
//   - does not see the end of a mail behind CR CR LF, so that the client waits for ever;
//   - drops a bare CR behind a dot that begins a line, and repairs nothing else;
//   - understands addresses that were not written so: without brackets, with a route, quoted;
//   - bounds neither the refusals of a connection, nor what it swallows of a mail that is too large, nor sets a time for
//     a whole BDAT.
//
// TLS is in here as well, because the end of a TLS connection inside a chunk could not be told from the mail's otherwise.
type client struct {
	l     *Listener
	peer  netip.AddrPort
	local bool // the connection does not leave this machine

	// What follows belongs to the goroutine of the connection, but for what is atomic.
	in        *bufio.Reader
	pending   []byte // of a line that go-smtp has not taken yet
	mode      mode
	chunk     int64 // bytes of the chunk that are still to come
	content   content
	coming    bool   // the mail's bytes have begun to come
	chunked   bool   // and come with BDAT
	most      int64  // bytes of the largest mail; 0 for no limit
	path      string // what stood between < and > of the last MAIL or RCPT
	started   bool
	greeted   bool // EHLO or HELO was said, since TLS began
	extended  bool // it was EHLO
	encrypted bool
	users     []string // the user at the other end, by name and number; nil when he is of no interest, or not known
	usersErr  error
	program   string        // who has signed in
	signedIn  bool          // with a password
	password  app.TokenHash // it, at that time
	failures  int           // wrong passwords
	errors    int           // refusals since the last mail
	spent     int64         // bytes since the last mail
	hangUp    bool          // after the answer that is being written

	accepted atomic.Bool // a mail was taken since this was last looked at
	busy     atomic.Bool // a mail is under way
	stopping atomic.Bool

	mu       sync.Mutex // guards what follows: others may end the connection
	conn     net.Conn
	out      []byte    // answers that are not sent yet
	signInBy time.Time // zero once somebody has signed in
	dataBy   time.Time // the mail has to be here by then; zero when none is coming
	closed   bool
}

func newClient(l *Listener, conn net.Conn, peer netip.AddrPort) *client {
	own := addrPortOf(conn.LocalAddr())
	c := &client{
		l: l, conn: conn, peer: peer, local: peer.Addr().IsLoopback() && own.Addr().IsLoopback(),
		signInBy: time.Now().Add(l.config.CommandTimeout),
	}
	c.in = bufio.NewReaderSize(conn, 4096)
	c.most = c.maxBytes()
	return c
}

// lookUp finds out whose process is at the other end, if that is of interest. It is done when the connection comes in: a
// program may have sent all it has to say, and be gone, before its first line is read.
func (c *client) lookUp() {
	if c.local && c.l.config.LocalUser != nil && c.l.office.AnyLocalUser() {
		c.users, c.usersErr = c.l.config.LocalUser(c.peer, addrPortOf(c.conn.LocalAddr()))
	}
}

// mayAuth reports whether a password may be sent: it must not cross a network in plain text.
func (c *client) mayAuth() bool { return c.encrypted || c.local }

// Read hands go-smtp the next line, or part of one.
func (c *client) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !c.started {
		if err := c.start(); err != nil {
			return 0, err
		}
	}
	for len(c.pending) == 0 {
		if c.hangUp {
			return 0, c.end()
		}
		if c.mode == modeChunk {
			return c.readChunk(p)
		}
		line, err := c.readLine()
		if err != nil {
			return 0, c.broken(err)
		}
		c.take(line)
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// start begins the conversation.
func (c *client) start() error {
	c.started = true
	if c.l.tls != nil && c.l.config.TLS == TLSImplicit {
		return c.handshake()
	}
	return nil
}

// take looks at a line and decides what go-smtp sees of it.
func (c *client) take(line []byte) {
	if c.mode == modeData {
		c.content.feed(line)
		c.pending = withoutBareCR(line)
		return
	}
	if c.command(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")) {
		c.pending = line
	}
}

// readLine returns the next line with its end, or a part of one that is longer than the buffer, which can only be of a mail.
func (c *client) readLine() ([]byte, error) {
	// Answers wait until nothing more can be done without them being read (RFC 2920, 3.2).
	if buffered, _ := c.in.Peek(c.in.Buffered()); bytes.IndexByte(buffered, '\n') < 0 {
		if err := c.flush(); err != nil {
			return nil, err
		}
	}
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	if err == nil {
		err = c.spend(len(line))
	}
	return line, err
}

func (c *client) readChunk(p []byte) (int, error) {
	if c.in.Buffered() == 0 {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.chunk)])
	c.content.feed(p[:n])
	if c.chunk -= int64(n); c.chunk == 0 {
		c.mode = modeCommand
	}
	if n > 0 {
		err = c.spend(n)
	}
	if err != nil {
		return 0, c.broken(err)
	}
	return n, nil
}

// errSpent is the error of a client that sends without end.
var errSpent = errors.New("more was sent than any mail needs")

// spend counts what was read. Whoever sends twice as much as a mail may have, without a mail that can be taken, does
// nothing useful.
func (c *client) spend(n int) error {
	if c.accepted.Swap(false) {
		c.spent, c.errors = 0, 0
	}
	c.spent += int64(n)
	if c.most > 0 && c.spent > 2*c.most {
		return errSpent
	}
	return nil
}

// maxBytes is the size of the largest mail, 0 for no limit.
func (c *client) maxBytes() int64 { return int64(c.l.office.Settings().Limits.SMTPMegabytes) << 20 }

// broken ends a connection that cannot be read any more. Inside a mail this must not look like the mail's end.
func (c *client) broken(err error) error {
	inside := c.mode == modeData || c.mode == modeChunk
	switch {
	case errors.Is(err, errSpent):
		c.reply("421 4.7.0 more was sent than a mail may have, without one that can be taken; bye")
	case !errors.Is(err, os.ErrDeadlineExceeded):
	case c.stopping.Load():
		c.reply("421 4.3.2 the mail service is stopping, try again later")
	default:
		c.reply("421 4.4.2 nothing came for too long; bye")
	}
	c.hangUp = true
	_ = c.end()
	if inside {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// end sends what was answered and closes the connection. It returns io.EOF, which go-smtp takes for an orderly end.
func (c *client) end() error {
	_ = c.Close() // there is nobody who could be told
	return io.EOF
}

// reply answers a line that go-smtp does not see.
func (c *client) reply(line string) {
	c.say(line)
	c.note(line)
}

func (c *client) say(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(append(c.out, line...), "\r\n"...)
}

// note counts refusals.
func (c *client) note(line string) {
	if line[0] != '4' && line[0] != '5' {
		return
	}
	if c.accepted.Swap(false) {
		c.spent, c.errors = 0, 0
	}
	c.errors++
	if limit := c.l.office.Settings().Limits.SMTPErrors; limit > 0 && c.errors == limit && !c.hangUp {
		c.hangUp = true
		c.say("421 4.7.0 too many errors; bye")
	}
}

// Write takes an answer of go-smtp: one line, with its end.
func (c *client) Write(p []byte) (int, error) {
	line := strings.TrimSuffix(string(p), "\r\n")
	if len(line) < 4 {
		return len(p), nil // go-smtp writes no such line
	}
	final := line[3] == ' '
	c.mu.Lock()
	c.out = c.appendAnswer(c.out, line)
	c.mu.Unlock()
	if !final {
		return len(p), nil
	}
	switch line[:3] {
	case "334":
		c.mode = modeAnswer
	case "354":
		c.mode = modeData
		c.begin()
	default:
		if c.mode == modeAnswer || c.mode == modeData {
			c.mode = modeCommand
		}
		c.note(line)
	}
	return len(p), nil
}

// appendAnswer appends a line of go-smtp's, or what is said in its place.
func (c *client) appendAnswer(b []byte, line string) []byte {
	switch {
	case strings.HasPrefix(line, "220 ") && !c.started:
		line = "220 " + c.l.name() + " ESMTP"
	case line == "250-SIZE" || line == "250 SIZE":
		// The limits are settings, and go-smtp knows no TLS.
		if c.l.tls != nil && !c.encrypted {
			b = append(b, "250-STARTTLS\r\n"...)
		}
		if most := c.l.office.Settings().Limits.SMTPRecipients; most > 0 {
			b = append(b, "250-LIMITS RCPTMAX="+strconv.Itoa(most)+"\r\n"...)
		}
		if c.most > 0 {
			line += " " + strconv.FormatInt(c.most, 10)
		}
	}
	return append(append(b, line...), "\r\n"...)
}

// name is how this machine introduces itself.
func (l *Listener) name() string { return HelloName(l.office.Settings().PublicURL) }

// flush sends the answers that wait.
func (c *client) flush() error {
	c.mu.Lock()
	out, conn := c.out, c.conn
	c.out = nil
	c.mu.Unlock()
	if len(out) == 0 {
		return nil
	}
	_, err := conn.Write(out)
	return err
}

// Close sends what was answered and ends the connection.
func (c *client) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	conn := c.conn
	c.mu.Unlock()
	if !first {
		return net.ErrClosed
	}
	_ = c.flush() // the answer to QUIT, say: the connection ends either way
	c.l.leave(c)
	return conn.Close()
}

// stop tells a client that the service ends: at once if it waits for its next command, else after its mail.
func (c *client) stop() {
	c.stopping.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy.Load() {
		_ = c.conn.SetReadDeadline(time.Now()) // its only error is that there is no connection any more
	}
}

// cut ends the connection wherever it is.
func (c *client) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.SetDeadline(time.Now()) // as above; the goroutine of the connection closes it
}

// SetReadDeadline is called by go-smtp before each command. It may be earlier.
func (c *client) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	for _, by := range []time.Time{c.signInBy, c.dataBy} {
		if !by.IsZero() && by.Before(t) {
			t = by
		}
	}
	if c.stopping.Load() && !c.busy.Load() {
		t = time.Now()
	}
	return c.conn.SetReadDeadline(t)
}

// SetWriteDeadline is called by go-smtp before each answer.
func (c *client) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn.SetWriteDeadline(t)
}

// SetDeadline sets both.
func (c *client) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// LocalAddr returns the service's end of the connection.
func (c *client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the client's end.
func (c *client) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// begin gets ready for a mail: from now on the time for the whole of it runs.
func (c *client) begin() {
	c.content, c.coming = content{}, true
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dataBy = time.Now().Add(c.l.config.DataTimeout)
	_ = c.conn.SetReadDeadline(c.dataBy) // its only error is that there is no connection any more
}

// over ends the time for a mail.
func (c *client) over() {
	c.busy.Store(false)
	c.coming, c.chunked = false, false
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dataBy = time.Time{}
}

// identified lifts the time in which a client has to say who it is.
func (c *client) identified() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signInBy = time.Time{}
}

// startTLS answers STARTTLS. What was sent behind the command in plain text is thrown away: somebody in between could
// have put it there (CVE-2011-0411).
func (c *client) startTLS() {
	switch {
	case c.encrypted:
		c.reply("502 5.5.1 TLS is on already")
		return
	case c.l.tls == nil:
		c.reply("502 5.5.1 TLS is not offered here")
		return
	case c.signedIn || c.busy.Load():
		c.reply("503 5.5.1 STARTTLS comes before AUTH and MAIL")
		return
	}
	c.reply("220 2.0.0 begin TLS")
	if c.flush() != nil || c.handshake() != nil {
		c.hangUp = true
	}
}

// handshakeTimeout is how long a TLS handshake may take.
const handshakeTimeout = 30 * time.Second

// handshake puts TLS over the connection. Nothing that was said before counts any more.
func (c *client) handshake() error {
	raw := c.conn
	ctx, cancel := context.WithTimeout(c.l.ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Server(raw, c.l.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error is what counts
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.in.Reset(conn)
	c.encrypted, c.greeted = true, false
	return nil
}
