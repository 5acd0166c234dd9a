package mail_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"foyer/server/mail"
)

// TestSmuggling hides a second mail in the first, behind what some mail server takes for the end of a mail.
func TestSmuggling(t *testing.T) {
	const second = "MAIL FROM:<admin@office.example>\r\nRCPT TO:<victim@acme.example>\r\nDATA\r\n" + letter
	sequences := []string{
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\r\n.\r\r\n", "\r\n.\rX\r\n", "\n\n.\r\n",
	}
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	address := listenAddress(t, l)
	for _, sequence := range sequences {
		c := call(t, address)
		c.signIn()
		content := strings.TrimSuffix(letter, "\r\n") + sequence + second
		c.envelope()
		c.say("DATA", "354 ")
		c.send(content + ".\r\n")
		c.want("550 5.5.2 ")
		c.envelope()
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content), content))
		c.want("550 5.5.2 ")
		at := len(letter) - 2
		for split := at; split <= at+len(sequence); split++ {
			c.envelope()
			c.send(fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", split, content[:split], len(content)-split, content[split:]))
			c.want("250 ")
			c.want("550 5.5.2 ")
		}
		c.say("RCPT TO:<jane@acme.example>", "502 ", "QUIT", "221 ")
	}
	if mails := office.mails(); len(mails) > 0 {
		t.Fatalf("%d mails were taken", len(mails))
	}
	// A line end that is whole may be parted, and a dot is a dot.
	c := call(t, address)
	c.signIn()
	for _, split := range []int{len(letter) - 1, len(letter) - 2, 0, len(letter)} {
		c.envelope()
		c.send(fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", split, letter[:split], len(letter)-split, letter[split:]))
		c.want("250 ")
		c.want("250 ")
	}
	c.envelope()
	content := letter + ".\r\nMAIL FROM:<admin@office.example>\r\n"
	c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content), content))
	c.want("250 ")
	mails := office.mails()
	if len(mails) != 5 || !strings.HasSuffix(string(mails[4].Data), content) {
		t.Errorf("%d mails were taken, want 5, the last with what looks like an end", len(mails))
	}
}

// TestHalfMails ends the connection inside a mail.
func TestHalfMails(t *testing.T) {
	pair, pool := certificates(t)
	office := newPrograms(t)
	l, stop := runListener(t, office, mail.ListenerConfig{Cert: pair.cert, Key: pair.key})
	address := listenAddress(t, l)
	for _, half := range []string{
		"DATA\r\n" + letter, "DATA\r\n" + letter + ".", "DATA\r\n" + letter + ".\r", "DATA\r\n" + letter[:20],
		fmt.Sprintf("BDAT %d LAST\r\n%s", len(letter)+1, letter), fmt.Sprintf("BDAT %d\r\n%s", len(letter), letter),
		fmt.Sprintf("BDAT %d\r\n%sBDAT 100 LAST\r\n", len(letter), letter), "BDAT 10 LAST\r\n",
	} {
		for _, end := range []string{"close", "half", "tls", "reset"} {
			c := call(t, address)
			if end == "tls" {
				c.want("220 ")
				c.say("EHLO x", "250-", "STARTTLS", "220 ")
				conn := tls.Client(c.Conn, &tls.Config{RootCAs: pool, ServerName: "foyer.office.example"})
				c = newCaller(t, conn)
				c.say("EHLO x", "250-", plain("scanner", "secret of scanner"), "235 ")
			} else {
				c.signIn()
			}
			c.envelope()
			c.send(half)
			tcp, _ := c.Conn.(*net.TCPConn)
			switch end {
			case "half":
				if err := tcp.CloseWrite(); err != nil {
					t.Error(err)
				}
				_, _ = io.Copy(io.Discard, c.in) // until the listener has had enough
			case "tls":
				// Told in an orderly way that nothing more comes.
				if err := c.Conn.(*tls.Conn).CloseWrite(); err != nil {
					t.Error(err)
				}
				_, _ = io.Copy(io.Discard, c.in)
			case "reset":
				if err := tcp.SetLinger(0); err != nil {
					t.Error(err)
				}
			}
			_ = c.Close()
		}
	}
	stop() // all have come to their end
	if mails := office.mails(); len(mails) > 0 {
		t.Errorf("%d half mails were taken: %q", len(mails), mails[0].Data)
	}
}

// TestAborted gives mails up.
func TestAborted(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	for _, dialogue := range [][]string{
		{"RSET", "250 "},
		{"EHLO x", "250-"},
		{"BDAT 0", "250 ", "MAIL FROM:<scanner@office.example>", "502 ", "RCPT TO:<a@b.example>", "502 ", "DATA", "502 ", "BDAT 0 LAST", "550 5.6.0"},
		{"BDAT 0 LAST", "550 5.6.0"},
		{"DATA x", "501 ", "RSET", "250 "},
	} {
		c.envelope()
		c.say(dialogue...)
	}
	// Given up between two chunks: go-smtp could take the end of the old mail for that of the next.
	for _, verb := range []string{"RSET", "EHLO x", "HELO x"} {
		c := call(t, listenAddress(t, l))
		c.signIn()
		c.envelope()
		c.send("BDAT 3\r\nabc" + verb + "\r\nMAIL FROM:<scanner@office.example>\r\n")
		c.want("250 ")
		c.want("421 ")
		c.want("")
	}
	c.send("BDAT 5\r\nQUIT\n")
	c.want("502 ")
	c.envelope()
	c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(letter), letter))
	c.want("250 ")
	if mails := office.mails(); len(mails) != 1 {
		t.Errorf("%d mails were taken, want 1", len(mails))
	}
	for _, bdat := range []string{"BDAT", "BDAT x", "BDAT -1", "BDAT 1 2 3", "BDAT 5 FIRST", "BDAT 99999999999"} {
		c := call(t, listenAddress(t, l))
		c.signIn()
		c.envelope()
		c.send(bdat + "\r\nRSET\r\n")
		c.want("501 ")
		c.want("") // what follows may be the chunk
	}
	c = call(t, listenAddress(t, l))
	c.want("220 ")
	c.send("BDAT 6 LAST\r\nRSET\r\n")
	c.want("503 ")
	c.want("")
}

func TestTooLarge(t *testing.T) {
	office := newPrograms(t)
	office.settings.Limits.SMTPRecipients = 2
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	line := strings.Repeat("x", 78) + "\r\n"
	body := func(size int) string {
		b := letter + strings.Repeat(line, (size-len(letter))/len(line))
		return b + strings.Repeat("x", size-len(b)-2) + "\r\n"
	}
	const limit = 1 << 20
	for _, test := range []struct {
		size int
		want string
	}{{limit, "250 "}, {limit + 1, "552 5.3.4"}, {limit * 3 / 2, "552 5.3.4"}} {
		c.envelope()
		c.say("DATA", "354 ")
		c.send(body(test.size) + ".\r\n")
		c.want(test.want)
		if test.want == "250 " {
			c.envelope()
			c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", test.size, body(test.size)))
			c.want(test.want)
			continue
		}
		c = call(t, listenAddress(t, l))
		c.signIn()
		c.envelope()
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", test.size, body(test.size)))
		c.want(test.want)
		c = call(t, listenAddress(t, l))
		c.signIn()
	}
	c.envelope()
	c.say("RCPT TO:<joe@acme.example>", "250 ", "RCPT TO:<jim@acme.example>", "452 4.5.3", "RCPT TO:<joe@ACME.example>", "250 ")
	if mails := office.mails(); len(mails) != 2 {
		t.Errorf("%d mails were taken, want 2", len(mails))
	}
	// Whoever sends without end is cut off.
	c.say("DATA", "354 ")
	go func() {
		for {
			if _, err := io.WriteString(c.Conn, line); err != nil {
				return
			}
		}
	}()
	if got := c.answer(); got != "" && !strings.HasPrefix(got, "421 4.7.0") {
		t.Errorf("to a mail without end: %q", got)
	}
}

func TestLongLines(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	for length, want := range map[int]string{998: "250 ", 999: "550 5.6.0", 5000: "550 5.6.0", 100_000: "550 5.6.0"} {
		c.envelope()
		c.say("DATA", "354 ")
		c.send(letter + strings.Repeat("x", length) + "\r\n.\r\n")
		c.want(want)
	}
	c.send("NOOP " + strings.Repeat("x", 3000) + "\r\nNOOP\r\n")
	c.want("500 5.5.2")
	c.want("")
}
