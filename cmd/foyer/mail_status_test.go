package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// TestMailStatus prints how mail stands, for people and for programs.
func TestMailStatus(t *testing.T) {
	term := newTerminal(t)
	since := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	if got := term.run("", "mail", "status"); got.status != exitDone || !strings.Contains(got.stdout, "none") {
		t.Errorf("of nothing: got %d %q %q", got.status, got.stdout, got.stderr)
	}
	status := app.MailStatus{
		Transport: "direct", Held: true,
		Waiting: app.MailBacklog{States: map[app.MessageState]int{app.MessageQueued: 3, app.MessageFailed: 1}, Oldest: since},
		Traffic: app.MailTraffic{
			Since: since, Attempts: map[app.MessageState]int64{app.MessageDelivered: 40, app.MessageDeferred: 2},
			Destinations: []app.MailDestination{{Name: "acme.example", Connections: 2, UnderWay: 5, Failures: 1, RestsUntil: since.Add(time.Hour)}},
		},
	}
	for range 3 {
		status.Traffic.Took.Add(50 * time.Millisecond)
		status.Traffic.Age.Add(90 * time.Second)
	}
	term.office.status = status
	const want = `Leaves by:     direct, but held: no mail leaves while mail.hold is on
Mails:         3 queued, 1 failed
Oldest waits:  since 2026-11-22 09:00:00 UTC
Attempts:      2 deferred, 40 delivered since 2026-11-22 09:00:00 UTC
They took:     mostly up to 100 ms
Delivered:     mostly up to 10 minutes after they were written

DESTINATION   CONNECTIONS  UNDER WAY  FAILURES  RESTS UNTIL (UTC)
acme.example  2            5          1         2026-11-22 10:00:00
`
	if got := term.run("", "mail", "status"); got.stdout != want {
		t.Errorf("got\n%s\nwant\n%s", got.stdout, want)
	}
	var v struct {
		Messages    map[string]int `json:"messages"`
		AttemptTime struct {
			Buckets []struct {
				AtMost *float64 `json:"at_most"`
				Count  int64    `json:"count"`
			} `json:"buckets"`
			Sum float64 `json:"sum"`
		} `json:"attempt_time"`
	}
	got := term.run("", "mail", "status", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil {
		t.Fatal(err)
	}
	buckets := v.AttemptTime.Buckets
	if v.Messages["queued"] != 3 || len(buckets) != len(app.DurationBounds)+1 || buckets[0].Count != 0 || buckets[1].Count != 3 || buckets[len(buckets)-1].AtMost != nil || v.AttemptTime.Sum != 0.15 {
		t.Errorf("got %s", got.stdout)
	}
}
