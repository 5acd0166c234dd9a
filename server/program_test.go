package server_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/textproto"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server"
	"foyer/server/mail"
)

// program adds a program and returns its password.
func (h house) program(name string, keys map[string]string) string {
	h.Helper()
	_, password, err := h.app.AddProgram(h.Context(), "test", name, keys)
	if err != nil {
		h.Fatal(err)
	}
	return string(password)
}

// programDoor returns the one address programs hand over mail at.
func (h house) programDoor() app.ListenState {
	h.Helper()
	states, err := h.app.MailListener(h.Context())
	if err != nil || len(states) != 1 {
		h.Fatalf("listening at %+v, %v", states, err)
	}
	return states[0]
}

// smtp says lines at the door and expects answers that begin so.
func (h house) smtp(dialogue ...string) {
	h.Helper()
	for tick := time.NewTicker(time.Millisecond); !h.programDoor().Open; <-tick.C {
		if h.Context().Err() != nil {
			h.Fatal("the door does not open")
		}
	}
	conn, err := new(net.Dialer).DialContext(h.Context(), "tcp", h.programDoor().Address)
	if err != nil {
		h.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		h.Fatal(err)
	}
	in := textproto.NewReader(bufio.NewReader(conn))
	dialogue = append([]string{"", "220", "EHLO x", "250"}, dialogue...)
	for i := 0; i < len(dialogue); i += 2 {
		if dialogue[i] != "" {
			if _, err := conn.Write([]byte(dialogue[i] + "\r\n")); err != nil {
				h.Fatal(err)
			}
		}
		code, text, err := in.ReadResponse(0)
		if got := fmt.Sprint(code, " ", text); err != nil && !errors.As(err, new(*textproto.Error)) || !strings.HasPrefix(got, dialogue[i+1]) {
			h.Fatalf("%q: got %q, %v, want %q", dialogue[i], got, err, dialogue[i+1])
		}
	}
}

func auth(name, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00"+password))
}

const scan = "From: scanner@office.example\r\nSubject: A scan\r\n\r\nHello\r\n."

// TestProgramSends follows a mail from a program into the queue, and the program's account through its life.
func TestProgramSends(t *testing.T) {
	h := start(t, t.TempDir())
	if state := h.programDoor(); state.Open {
		t.Errorf("without a program: %+v", state)
	}
	password := h.program("scanner", map[string]string{"senders": "office.example"})
	from := []string{"MAIL FROM:<scanner@office.example>", "250", "RCPT TO:<jane@acme.example>", "250", "RCPT TO:<joe@acme.example>", "250", "DATA", "354", scan}
	h.smtp(append([]string{auth("scanner", password), "235"}, append(from, "250")...)...)
	got := map[string]bool{}
	for range 2 {
		m := <-h.mails
		got[m.Recipient.String()] = true
		whole, err := h.app.Message(t.Context(), m.ID)
		if err != nil || whole.Kind != app.MailRelayed || whole.Program != "scanner" || whole.Sender != "scanner@office.example" || whole.Subject != "A scan" ||
			!strings.Contains(string(whole.Data), "\r\nSubject: A scan\r\n\r\nHello\r\n") {
			t.Errorf("in the queue: %+v, %v", whole, err)
		}
	}
	if !got["jane@acme.example"] || !got["joe@acme.example"] {
		t.Errorf("sent to %v", got)
	}
	if p, err := h.app.Program(t.Context(), "scanner"); err != nil || time.Since(p.SeenAt) > time.Minute {
		t.Errorf("last seen: %+v, %v", p, err)
	}
	h.set("limits.program_per_hour", "1")
	h.smtp(append([]string{auth("scanner", password), "235"}, append(from, "250")...)...)
	h.smtp(append([]string{auth("scanner", password), "235"}, append(from, "452 4.7.1 scanner has handed over 1 mails within the hour")...)...)
	h.set("limits.program_per_hour", "0")
	h.set("limits.relay_queue", "1")
	h.smtp(append([]string{auth("scanner", password), "235"}, append(from, "452 4.3.1")...)...)

	_, next, err := h.app.NewProgramPassword(t.Context(), "test", "scanner")
	if err != nil {
		t.Fatal(err)
	}
	h.smtp(auth("scanner", password), "535 5.7.8", auth("scanner", string(next)), "235")
	h.set("limits.program_failures", "2")
	for i := range 3 {
		h.smtp(auth("scanner", fmt.Sprint("guess", i)), "535")
	}
	h.smtp(auth("scanner", string(next)), "454 4.7.0 too many wrong passwords")
	events, err := h.app.Events(t.Context(), app.EventQuery{Search: "program.signin", Limit: 10})
	if err != nil || len(events) == 0 || events[0].Subject != "scanner" || !strings.Contains(events[0].IP, "127.0.0.1") {
		t.Errorf("events %+v, %v", events, err)
	}
	if _, err := h.app.SetProgram(t.Context(), "test", "scanner", map[string]string{"enabled": "off"}); err != nil {
		t.Fatal(err)
	}
	if state := h.programDoor(); state.Open {
		t.Errorf("with the program disabled: %+v", state)
	}
	if err := h.app.RemoveProgram(t.Context(), "test", "scanner"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.Program(t.Context(), "scanner"); app.CodeOf(err) != app.NotFound {
		t.Errorf("removed: %v", err)
	}
	for _, secret := range []string{password, string(next), auth("scanner", password)[11:]} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("the log contains a password")
		}
	}
}

// TestLocalProgram has this very process hand over mail without a password.
func TestLocalProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells whose process it is")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, t.TempDir())
	h.program("mine", map[string]string{"senders": "office.example", "local_user": me.Username})
	h.smtp("MAIL FROM:<scanner@office.example>", "250", "RCPT TO:<jane@acme.example>", "250", "DATA", "354", scan, "250")
	if m := <-h.mails; m.Program != "mine" {
		t.Errorf("handed over by %q", m.Program)
	}
	if _, err := h.app.SetProgram(t.Context(), "test", "mine", map[string]string{"local_user": fmt.Sprint(os.Getuid())}); err != nil {
		t.Fatal(err)
	}
	h.smtp("MAIL FROM:<scanner@office.example>", "250")
	if _, err := h.app.SetProgram(t.Context(), "test", "mine", map[string]string{"local_user": "nobody-of-this-name"}); err != nil {
		t.Fatal(err)
	}
	h.smtp("MAIL FROM:<scanner@office.example>", "530 5.7.0 sign in first")
}

func TestProgramsNeedTLSOutside(t *testing.T) {
	dir := t.TempDir()
	_, err := server.New(context.WithoutCancel(t.Context()), server.Config{
		DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		SMTP: mail.ListenerConfig{Listen: []string{":2525"}},
	})
	if app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), "in plain text") {
		t.Errorf("got %v", err)
	}
}
