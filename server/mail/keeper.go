package mail

import (
	"context"
	"time"

	"foyer/app"
)

// How long a conversation is kept. Servers end long ones themselves (Exchange after 10 minutes), and what has changed
// about a server, as its address, should be seen some time.
const (
	keptMails = 100
	keptTime  = 5 * time.Minute
)

// keeper keeps a conversation from one mail to the next: connecting, TLS and signing in take longer than a mail.
type keeper struct {
	kept  *conversation
	since time.Time
	mails int
}

// send sends m in the conversation that is kept. It reports done as false, and m can safely be sent in another one, when
// there is none or the server has not taken MAIL in it: many end a conversation between two mails, without a word, with
// 421 or by a refusal of any kind.
func (k *keeper) send(ctx context.Context, m app.Message, r *record) (reply string, done bool, err error) {
	if k.kept == nil {
		return "", false, nil
	}
	if k.mails >= keptMails || time.Since(k.since) >= keptTime || m.Kind == app.MailTest {
		k.close() // of a test mail the administrator wants to see every step
		return "", false, nil
	}
	k.mails++
	r.add("connection", true, "kept from the mail before")
	reply, err = k.kept.send(ctx, m, r)
	if err != nil && k.kept.step <= stepMail && ctx.Err() == nil {
		k.close()
		r.restart()
		return "", false, nil
	}
	k.settle()
	return reply, true, err
}

// begin sends m in a new conversation and keeps that.
func (k *keeper) begin(ctx context.Context, c *conversation, m app.Message, r *record) (string, error) {
	k.close()
	k.kept, k.since, k.mails = c, time.Now(), 1
	reply, err := c.send(ctx, m, r)
	k.settle()
	return reply, err
}

// settle lets go of a conversation that is over.
func (k *keeper) settle() {
	if k.kept.lost {
		k.close()
	}
}

// close ends the conversation that is kept, if there is one.
func (k *keeper) close() {
	if k.kept != nil {
		k.kept.close()
		k.kept = nil
	}
}
