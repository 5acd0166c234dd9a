package mail

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"foyer/app"
)

// notice returns what the sender of a relayed mail is told about it (RFC 3464): that it will not arrive (MailBounce), or
// that it is late (MailDelay). It returns nil for all other mail: the failure of Foyer's own is shown to the administrator
// and answered to nobody, and a notice that cannot be delivered has no sender to go back to.
func (q *Queue) notice(kind app.MessageKind, m app.Message, d app.Delivery, settings app.Settings) *app.Message {
	if m.Kind != app.MailRelayed || m.Sender == "" {
		return nil
	}
	now := wallNow()
	n := bounce{kind: kind, message: m, delivery: d, now: now, from: cmp.Or(settings.Mail.From, m.Sender), reporter: HelloName(settings.PublicURL)}
	written, err := n.write()
	if err != nil {
		// Nothing that was accepted leads here; the failure itself stays visible in any case.
		q.config.Log.Error("the sender of a mail cannot be told about it", "id", m.ID, "err", err)
		return nil
	}
	written.ExpiresAt = now.Add(settings.Limits.RelayTTL())
	return &written
}

// tellLate tells the senders of mails that have waited for long, once each and a minute apart. Mails that no attempt
// was made for are late too: their destination rests.
func (s *scheduler) tellLate(ctx context.Context, settings app.Settings) error {
	const most = 100
	hours := settings.Limits.RelayLateHours
	now := wallNow()
	if hours == 0 || settings.HoldMail || now.Sub(s.told).Abs() < time.Minute {
		return nil
	}
	late, seen, err := s.config.Store.LateMessages(ctx, s.lateSeen, now.Add(-time.Duration(hours)*time.Hour), most)
	if err != nil {
		return err
	}
	for _, m := range late {
		d := app.Delivery{Reply: cmp.Or(m.Reply, "it waits for its turn: the mail server could not be reached so far")}
		notice := s.notice(app.MailDelay, m, d, settings)
		if notice == nil {
			continue
		}
		if err := s.config.Store.TellLate(ctx, m.ID, *notice, now); err != nil {
			return err
		}
	}
	s.lateSeen = seen
	if len(late) < most {
		s.told = now
	}
	return nil
}

// bounce is a delivery status notification that is to be written.
type bounce struct {
	kind     app.MessageKind
	message  app.Message
	delivery app.Delivery
	now      time.Time
	from     string // address in From
	reporter string // name of this machine
}

// answered is the beginning of a reply that is a server's answer: its code, and its enhanced one.
var answered = regexp.MustCompile(`^([245][0-9]{2})(?: ([245]\.[0-9]{1,3}\.[0-9]{1,3}))?(?: |$)`)

// reasonName is the name of a reason of ours before its words: it is for programs, which find it in the status.
var reasonName = regexp.MustCompile(`(^|; last: )[a-z0-9]+(?:_[a-z0-9]+)*: `)

// status returns the enhanced status code of the report (RFC 3463).
func (n bounce) status() string {
	reply := n.delivery.Reply
	class := "5"
	if n.kind == app.MailDelay {
		class = "4"
	}
	switch parts := answered.FindStringSubmatch(reply); {
	case parts != nil && strings.HasPrefix(parts[2], class+"."):
		return parts[2]
	case strings.HasPrefix(reply, "expired: "):
		return "5.4.7" // X.4.7: delivery time expired
	default:
		return class + ".0.0"
	}
}

// write returns the notice as a message with an empty sender, so that nobody answers it (RFC 3464, 2).
func (n bounce) write() (app.Message, error) {
	to, err := app.ParseAddress(n.message.Sender)
	if err != nil {
		return app.Message{}, err
	}
	subject := "Mail could not be delivered"
	if n.kind == app.MailDelay {
		subject = "Mail is late, and still being tried"
	}
	boundary := newBoundary()
	id := newMessageID(n.from)
	var b []byte
	b = appendField(b, "Date", mailDate(n.now))
	b = appendField(b, "From", mailbox("Mail delivery", n.from))
	b = appendField(b, "To", to.String())
	b = appendField(b, "Subject", subject)
	b = appendField(b, "Message-ID", id)
	if isPlain(n.message.MessageID) && n.message.MessageID != "" {
		b = appendField(b, "In-Reply-To", n.message.MessageID)
	}
	b = appendField(b, "MIME-Version", "1.0")
	b = appendField(b, "Content-Type", `multipart/report; report-type=delivery-status; boundary="`+boundary+`"`)
	b = appendField(b, "Auto-Submitted", "auto-replied") // RFC 3834: no out-of-office answers
	b = appendPart(b, boundary, "text/plain; charset=utf-8", wrap([]byte(n.words())))
	b = append(b, "\r\n--"+boundary+"\r\nContent-Type: message/delivery-status\r\n\r\n"...)
	b = n.appendStatus(b)
	b = appendPart(b, boundary, "text/rfc822-headers; charset=utf-8", headersOf(n.message.Data))
	b = append(b, "\r\n--"+boundary+"--\r\n"...)
	return app.Message{
		Kind: n.kind, Program: n.message.Program, Recipient: to, Subject: subject, MessageID: id, Data: b,
		State: app.MessageQueued, CreatedAt: n.now, NextAttempt: n.now,
	}, nil
}

// words say to a person what has happened.
func (n bounce) words() string {
	m := n.message
	var b strings.Builder
	if n.kind == app.MailDelay {
		fmt.Fprintf(&b, "Your mail has not reached %s yet. Nothing is lost: it is tried again until %s, and you need not send it once more.\n",
			m.Recipient, moment(m.ExpiresAt))
	} else {
		fmt.Fprintf(&b, "Your mail could not be delivered to %s, and will not be tried again.\n", m.Recipient)
	}
	fmt.Fprintf(&b, "\nWhy:\n  %s\n\n", reasonName.ReplaceAllString(n.delivery.Reply, "$1"))
	if m.Subject != "" {
		fmt.Fprintf(&b, "Subject:   %s\n", clean(m.Subject))
	}
	fmt.Fprintf(&b, "Sent:      %s\nHanded in: by the program %q\nTries:     %d\n", moment(m.CreatedAt), m.Program, m.Attempts)
	return b.String()
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// appendStatus appends the part that programs read (RFC 3464, 2.2 and 2.3). Its fields are ASCII: a server's words may
// not be.
func (n bounce) appendStatus(b []byte) []byte {
	m := n.message
	action := "failed"
	if n.kind == app.MailDelay {
		action = "delayed"
	}
	b = appendField(b, "Reporting-MTA", "dns; "+strings.Trim(n.reporter, "[]"))
	b = appendField(b, "Arrival-Date", mailDate(m.CreatedAt))
	b = append(b, "\r\n"...)
	b = appendField(b, "Final-Recipient", "rfc822; "+m.Recipient.String())
	b = appendField(b, "Action", action)
	b = appendField(b, "Status", n.status())
	if answered.MatchString(n.delivery.Reply) {
		b = appendField(b, "Diagnostic-Code", "smtp; "+ascii(n.delivery.Reply))
	} else {
		b = appendField(b, "Diagnostic-Code", "x-foyer; "+ascii(n.delivery.Reply))
	}
	b = appendField(b, "Last-Attempt-Date", mailDate(n.now))
	if n.kind == app.MailDelay {
		b = appendField(b, "Will-Retry-Until", mailDate(m.ExpiresAt))
	}
	return b
}

// ascii returns s with what is not printable ASCII as question marks.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// headersOf returns the header of a mail, at most 16 KiB of whole lines of it: the body may hold what its recipients
// alone should read, and its sender has it.
func headersOf(data []byte) []byte {
	const most = 16 << 10
	header, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	header = bytes.TrimSuffix(header, []byte("\r\n"))
	if len(header) > most {
		header = header[:most]
		header = header[:bytes.LastIndexByte(header, '\n')+1]
	}
	return header
}
