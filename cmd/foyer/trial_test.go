package main

import (
	"testing"
	"time"

	"foyer/app"
)

// TestTrials expects every step, what to do next, and the exit status.
func TestTrials(t *testing.T) {
	steps := []app.TrialStep{
		{Name: "settings", OK: true, Detail: "complete"},
		{Name: "discovery", OK: true, Detail: "https://idp.example says where to sign in", Took: 12 * time.Millisecond},
		{Name: "client", Detail: "the client secret is wrong \x1b[31m", Took: 300 * time.Microsecond},
	}
	for _, tt := range []struct {
		args  []string
		trial app.Trial
		want  output
	}{
		{[]string{"connector", "test", "google"}, app.Trial{Steps: steps, Verdict: "the client secret is wrong"}, output{`ok      settings                          <1ms  complete
ok      what the provider says of itself  12ms  https://idp.example says where to sign in
FAILED  client id and secret              <1ms  the client secret is wrong \x1b[31m
`, "foyer: the client secret is wrong\n", exitFailed}},
		{[]string{"settings", "test-url"}, app.Trial{OK: true, Steps: []app.TrialStep{{Name: "pages", OK: true, Detail: "this service answers"}}, Verdict: "the pages answer"}, output{`ok  pages  <1ms  this service answers

the pages answer
`, "", exitDone}},
		{[]string{"settings", "test-url", "--json"}, app.Trial{OK: true, Verdict: "the pages answer"}, output{`{
  "ok": true,
  "steps": [],
  "verdict": "the pages answer"
}
`, "", exitDone}},
		{[]string{"settings", "test-url", "https://accounts.example"}, app.Trial{}, output{"", "foyer: https://accounts.example cannot be set so\n", exitInvalid}},
		{[]string{"connector", "test", "none"}, app.Trial{}, output{"", "foyer: there is no connector \"none\"\n", exitNotFound}},
	} {
		term := newTerminal(t)
		term.office.connectors = []app.ConnectorState{{Connector: app.Connector{Name: "google"}}}
		term.office.trial = tt.trial
		if got := term.run("", tt.args...); got != tt.want {
			t.Errorf("foyer %v\n got %+v\nwant %+v", tt.args, got, tt.want)
		}
	}
}
