package mail

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
)

// maxAnswers bounds what a server may say in one connection, maxLine what is kept of one line. RFC 5321, 4.5.3.1.5,
// allows 512 bytes a line; textproto would collect an answer without end until the memory is full.
const (
	maxAnswers = 256 << 10
	maxLine    = 1000
)

// replyConn is a connection to a server that is not trusted to answer briefly: it cuts long lines, so that a mail
// that was taken with too many words counts as taken, and ends an endless answer.
type replyConn struct {
	net.Conn
	greeting string // read before anything else
	left     int    // bytes that may still come
	line     int    // bytes of the present line
	begin    []byte // the first line, as far as it has come and is kept
	begun    bool   // the first line is complete

	out *bufio.Writer // gathers what is written; nil for sending it at once
}

// gatherSize is how much of a mail is sent at a time, ownBuffer what go-smtp gathers by itself.
const (
	gatherSize = 64 << 10
	ownBuffer  = 4 << 10
)

// gather writes data to w, which writes to c, in few system calls.
func (c *replyConn) gather(w io.Writer, data []byte) error {
	if len(data) < ownBuffer {
		_, err := w.Write(data)
		return err
	}
	c.out = bufio.NewWriterSize(c.Conn, min(gatherSize, len(data)+ownBuffer))
	defer func() { c.out = nil }()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return c.out.Flush()
}

// Write says something to the server.
func (c *replyConn) Write(p []byte) (int, error) {
	if c.out != nil {
		return c.out.Write(p)
	}
	return c.Conn.Write(p)
}

// first returns the first line the server has said, without its code.
func (c *replyConn) first() string {
	line := strings.TrimSpace(string(c.begin))
	return strings.TrimSpace(line[min(4, len(line)):])
}

// Read returns what the server says, with long lines cut.
func (c *replyConn) Read(p []byte) (int, error) {
	if c.greeting != "" {
		n := copy(p, c.greeting)
		c.greeting = c.greeting[n:]
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := c.Conn.Read(p)
		if c.left -= n; c.left < 0 {
			return 0, errTooMuch
		}
		if n = c.cut(p[:n]); n > 0 || err != nil {
			return n, err
		}
	}
}

// cut removes from p what is beyond maxLine in its lines and returns how much is left.
func (c *replyConn) cut(p []byte) int {
	n := 0
	if i := bytes.IndexByte(p, '\n'); !c.begun {
		c.begun = i >= 0
		end := len(p)
		if c.begun {
			end = i
		}
		c.begin = append(c.begin, p[:min(end, maxLine-len(c.begin))]...)
	}
	for _, b := range p {
		c.line++
		if b == '\n' {
			c.line = 0
		}
		if c.line <= maxLine {
			p[n] = b
			n++
		}
	}
	return n
}
