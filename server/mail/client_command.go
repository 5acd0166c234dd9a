package mail

import (
	"strconv"
	"strings"
)

// command looks at a command line and reports whether go-smtp gets it. Otherwise it is answered.
func (c *client) command(line string) bool {
	if why := badCommand(line); why != "" {
		c.reply(why)
		c.hangUp = c.hangUp || len(line) > maxCommand // the rest of the line is not worth reading
		return false
	}
	if c.mode == modeAnswer {
		return true
	}
	upper := strings.ToUpper(line)
	if isHTTP(upper) {
		c.reply("500 5.5.2 this is a mail server, not a web server; bye")
		c.hangUp = true
		return false
	}
	if strings.HasPrefix(upper, "STARTTLS") {
		c.startTLS()
		return false
	}
	verb, arg, _ := strings.Cut(upper, " ")
	switch verb {
	case "EHLO", "HELO":
		if !isHelloName(strings.TrimSpace(line[4:])) {
			c.reply("501 5.5.2 say who you are by a host name or an address in brackets")
			return false
		}
		c.greeted, c.extended = true, verb == "EHLO"
		return c.mayReset()
	case "RSET":
		return c.mayReset()
	case "AUTH", "MAIL", "RCPT", "DATA", "BDAT":
		if !c.greeted {
			c.reply("503 5.5.1 say EHLO first")
			c.hangUp = c.hangUp || verb == "BDAT" // its chunk would be read as commands
			return false
		}
	}
	switch verb {
	case "MAIL", "RCPT":
		c.path = pathOf(line)
	case "BDAT":
		return c.beginChunk(arg)
	}
	return true
}

// mayReset reports whether go-smtp may forget the mail that is under way. Between two chunks it may not: the goroutine that
// reads the first ones tells how it has ended by a variable that is the next mail's by then.
func (c *client) mayReset() bool {
	if !c.chunked {
		return true
	}
	c.reply("421 4.3.0 a mail that was begun with BDAT is given up; connect again for the next")
	c.hangUp = true
	return false
}

// badCommand returns the answer to a line that cannot be a command, or "". An answer repeats parts of the command, so a
// control character in it could look like the end of an answer.
func badCommand(line string) string {
	if len(line) > maxCommand {
		return "500 5.5.2 the line is too long; bye"
	}
	for i := range len(line) {
		if line[i] < ' ' || line[i] > '~' {
			return "500 5.5.2 a command has printable ASCII characters only, and ends with CR LF"
		}
	}
	return ""
}

// isHTTP reports whether a line, in upper case, begins a request by HTTP, or is of its header. A page on the web can have a
// browser send one to any port of its machine, and a careless web application can be made to, with commands in its body or
// smuggled into its path: they would come from a local user who needs no password.
func isHTTP(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	return strings.HasSuffix(verb, ":") || strings.HasPrefix(rest, "HTTP/") || strings.Contains(rest, " HTTP/")
}

// isHelloName reports whether a client may be called so in a Received field.
func isHelloName(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._[]:", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// pathOf returns what stands between < and > behind the colon of a MAIL or RCPT, or "" when nothing does.
func pathOf(line string) string {
	_, arg, _ := strings.Cut(line, ":")
	rest, ok := strings.CutPrefix(strings.TrimLeft(arg, " "), "<")
	if !ok {
		return ""
	}
	path, after, ok := strings.Cut(rest, ">")
	if !ok || after != "" && after[0] != ' ' {
		return ""
	}
	return path
}

// beginChunk reads the argument of a BDAT. What cannot be understood ends the connection: nobody knows then where the next
// command begins.
func (c *client) beginChunk(arg string) bool {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "LAST" {
		c.reply("501 5.5.4 write BDAT, the size of the chunk, and LAST with the last one; bye")
		c.hangUp = true
		return false
	}
	size, err := strconv.ParseUint(words[0], 10, 32)
	if err != nil {
		c.reply("501 5.5.4 the size of the chunk is not a number; bye")
		c.hangUp = true
		return false
	}
	if c.busy.Load() && !c.coming {
		c.begin()
		c.chunked = true
	}
	if c.chunk = int64(size); c.chunk > 0 {
		c.mode = modeChunk
	}
	return true
}
