package mail

import "bytes"

// content watches the bytes of a mail as they come over the wire for what makes two mail servers disagree about where the
// mail ends: a CR or LF that stands alone, and NUL (CVE-2023-51764 and its kin). It is done here and not on what go-smtp
// makes of them, which has lost some.
type content struct {
	bareCR, bareLF, nul bool
	lastCR              bool // the last byte was a CR
}

func (c *content) feed(b []byte) {
	if len(b) == 0 {
		return
	}
	c.nul = c.nul || bytes.IndexByte(b, 0) >= 0
	if c.lastCR && b[0] != '\n' {
		c.bareCR = true
	}
	previous := c.lastCR
	for rest := b; ; {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			break
		}
		at := len(b) - len(rest) + i
		switch {
		case rest[i] == '\r' && at+1 < len(b) && b[at+1] != '\n':
			c.bareCR = true
		case rest[i] == '\n' && (at == 0 && !previous || at > 0 && b[at-1] != '\r'):
			c.bareLF = true
		}
		rest = rest[i+1:]
	}
	c.lastCR = b[len(b)-1] == '\r'
}

// withoutBareCR returns a line with blanks in place of CRs that no LF follows, for go-smtp to see the end of the mail. The
// mail is refused in any case.
func withoutBareCR(line []byte) []byte {
	for i := 0; i+1 < len(line); i++ {
		next := bytes.IndexByte(line[i:len(line)-1], '\r')
		if next < 0 {
			break
		}
		if i += next; line[i+1] != '\n' {
			line[i] = ' '
		}
	}
	return line
}

// fault returns what is wrong with a mail that is complete, or "".
func (c *content) fault() string {
	switch {
	case c.bareCR || c.lastCR:
		return "it has a carriage return (CR) that no line feed follows"
	case c.bareLF:
		return "it has a line feed (LF) without a carriage return before it"
	case c.nul:
		return "it has a NUL"
	}
	return ""
}
