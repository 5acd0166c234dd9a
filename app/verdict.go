package app

import (
	"fmt"
	"time"
)

// Verdict says in a sentence what has become of m and what to do next, for the administrator. It needs m's Steps.
func (m Message) Verdict() string {
	switch m.State {
	case MessageCaptured:
		return "captured: it is kept here and was sent nowhere; set mail.transport to have mail sent"
	case MessageDelivered:
		return fmt.Sprintf("taken: the mail server has it now and says %q; if nobody finds it there, look into the spam folder, "+
			"and at foyer mail dns", m.Reply)
	case MessageFailed:
		return "not taken, and not tried again: " + m.why()
	case MessageDeferred:
		return "not taken now: " + m.why() + "; it is tried again at " + m.NextAttempt.UTC().Format(time.DateTime) + " UTC"
	case MessageHeld:
		return fmt.Sprintf("held: it leaves when you let it, with: foyer mail release %d", m.ID)
	case MessageSending:
		return "on its way: an attempt is under way"
	case MessageQueued:
	}
	return "waiting: there was no attempt yet; see whether mail.hold is on"
}

// why returns what the step that has failed tells, which is more than the reply.
func (m Message) why() string {
	if n := len(m.Steps); n > 0 && !m.Steps[n-1].OK {
		return m.Steps[n-1].Detail
	}
	return m.Reply
}
