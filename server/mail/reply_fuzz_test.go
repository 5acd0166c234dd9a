package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server/mail"
)

// FuzzReply plays a server whose every byte is the fuzzer's, in plain text, up to STARTTLS, or within TLS to a courier that
// signs in. Two mails are sent, so that what is left over from the first meets the second.
func FuzzReply(f *testing.F) {
	const (
		good  = "220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 2.0.0 taken\r\n"
		begin = "220 x\r\n250 AUTH PLAIN\r\n"
	)
	for mode, seeds := range [][]string{
		{
			good + "221 x\r\n", good + "250 x\r\n250 x\r\n354 x\r\n250 too\r\n", good + "550 5.1.1 no\r\n", good + "421 enough\r\n",
			"220 x\r\n250-x\r\n250 SIZE 1\r\n250 x\r\n550-5.1.1 no\r\n550 5.1.1 such \x1b\xff\r\n250 reset\r\n250 x\r\n550 x\r\n", "421\r\n",
			"220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n554 5.7.60 not you\r\n",
		},
		{"220 x\r\n250-x\r\n250 STARTTLS\r\n220 x\r\n\x16\x03\x01", strings.Repeat("220-"+strings.Repeat("x", 3000)+"\n", 400)},
		{
			begin + "235 ok\r\n250 x\r\n250 x\r\n354 x\r\n250 2.0.0 taken\r\n", begin + "535 5.7.8 " + password + "\r\n",
			begin + "334 " + password + "\r\n535 5.7.139 SmtpClientAuthentication is disabled\r\n", begin + "235 ok\r\n530 5.7.57 x\r\n",
			begin + "235 ok\r\n250 x\r\n550 no, " + password + "\r\n",
		},
	} {
		for _, says := range seeds {
			f.Add([]byte(says), uint8(mode))
		}
	}
	ca := newAuthority(f)
	config := ca.issue(f, nil)
	m := message(f)
	f.Fuzz(func(t *testing.T, says []byte, mode uint8) {
		c := mail.SmarthostConfig{Mail: settings("127.0.0.1:25", "none", "none"), Timeouts: shortTimeouts, RootCAs: ca.pool}
		switch mode % 3 {
		case 1:
			c.Mail.TLS = "starttls"
		case 2:
			c.Mail.TLS, c.Mail.Auth = "implicit", "plain"
		}
		done := make(chan struct{}, 4)
		dials := 0
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			dials++
			if mode%3 == 2 {
				there = tls.Server(there, config)
			}
			go func() {
				go func() { _, _ = io.Copy(io.Discard, there) }() // ends with the pipe
				_, _ = there.Write(says)                          // the courier may have enough before the end
				_ = there.Close()
				done <- struct{}{}
			}()
			return here, nil
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		courier := mail.NewSmarthost(c)
		for range 2 {
			report, err := courier.Deliver(t.Context(), m)
			checkReport(t, report, err)
		}
		if err := courier.Close(); err != nil {
			t.Error(err)
		}
		for range dials {
			<-done
		}
		runtime.ReadMemStats(&after)
		if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 32<<20 {
			t.Errorf("%d MB were allocated", grown>>20)
		}
		if dials > 2 {
			t.Errorf("%d connections for two mails", dials)
		}
	})
}

// checkReport reports what no attempt may tell, whatever the server says.
func checkReport(t *testing.T, report app.Report, err error) {
	t.Helper()
	checkReply(t, report.Reply)
	names := []string{"name", "connection", "greeting", "tls", "auth", "sender", "recipient", "data", "reply"}
	for i, s := range report.Steps {
		checkReply(t, s.Detail)
		if last := i == len(report.Steps)-1; !slices.Contains(names, s.Name) || s.Took < 0 || s.OK != (err == nil || !last) {
			t.Errorf("step %d of %d after %v: got %+v", i+1, len(report.Steps), err, s)
		}
	}
	if err == nil {
		if !strings.HasPrefix(report.Reply, "250") || report.Steps[len(report.Steps)-1].Name != "reply" {
			t.Errorf("taken with %q after %+v", report.Reply, report.Steps)
		}
		return
	}
	checkReply(t, err.Error())
	e, ok := errors.AsType[*mail.ReplyError](err)
	if !ok || e.Reason == "" || e.Permanent && (e.Code < 500 || e.Code > 599) || e.Recipient && !e.Permanent || e.Error() == "" {
		t.Errorf("got %#v", err)
	}
}
