package gui

import (
	"foyer/app"
	"foyer/app/localapi"
)

// actionText returns what an action of the audit is called.
func actionText(action string) string {
	if text := has("event."+action, nil); text != "" {
		return text
	}
	return action
}

// outcomeText returns how an event has ended, in words.
func outcomeText(e localapi.Event) string {
	if e.Outcome == app.OK {
		return tr("event.outcome.ok")
	}
	if text := has("event.outcome."+e.Outcome, nil); text != "" {
		return text
	}
	return tr("event.outcome.refused", args{"Reason": e.Outcome})
}

// eventText says what an event is: its action, and how it has ended where it was refused.
func eventText(e localapi.Event) string {
	if e.Outcome == app.OK {
		return actionText(e.Action)
	}
	return tr("event.refused", args{"Event": actionText(e.Action), "Outcome": outcomeText(e)})
}
