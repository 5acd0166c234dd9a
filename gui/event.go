package gui

import (
	"foyer/app"
	"foyer/app/localapi"
)

// eventText says what an event of the audit is, in the person's language: its action in words, and why it was refused where it was.
func eventText(e localapi.Event) string {
	text := has("event."+e.Action, nil)
	if text == "" {
		text = e.Action
	}
	if e.Outcome == app.OK {
		return text
	}
	return tr("event.refused", args{"Event": text, "Reason": e.Outcome})
}
