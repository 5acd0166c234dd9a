package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) mailStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what waits, and what came of mail since the service started",
		Long: `Show how mail stands: how it leaves, how many mails wait and since when, how attempts have
ended since the service started and how long they took, and the mail servers that there is
something to do with. One that was down is left alone for a while.`,
		Example: "  foyer mail status\n  foyer mail status --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := p.client.MailStatus(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(status)
			}
			return p.printMailStatus(status)
		},
	}
}

func (p *program) printMailStatus(s localapi.MailStatus) error {
	leaves := s.Transport
	if s.Held {
		leaves += ", but held: no mail leaves while mail.hold is on"
	}
	pairs := []string{"Leaves by", leaves, "Mails", numbers(s.Messages)}
	if s.Oldest != nil {
		pairs = append(pairs, "Oldest waits", "since "+at(*s.Oldest)+" UTC")
	}
	pairs = append(pairs, "Attempts", numbers(s.Attempts)+" since "+at(s.Since)+" UTC")
	if typical, ok := median(s.AttemptTime); ok {
		pairs = append(pairs, "They took", typical)
	}
	if typical, ok := median(s.DeliveryAge); ok {
		pairs = append(pairs, "Delivered", typical+" after they were written")
	}
	if err := p.facts(pairs...); err != nil || len(s.Destinations) == 0 {
		return err
	}
	if err := p.say(""); err != nil {
		return err
	}
	rows := make([][]string, 0, len(s.Destinations))
	for _, d := range s.Destinations {
		rows = append(rows, []string{d.Name, strconv.Itoa(d.Connections), strconv.Itoa(d.UnderWay), strconv.Itoa(d.Failures), atOrNone(d.RestsUntil)})
	}
	return p.table([]string{"DESTINATION", "CONNECTIONS", "UNDER WAY", "FAILURES", "RESTS UNTIL (UTC)"}, rows, "")
}

// numbers returns how many there are of each state, as in "3 queued, 1 failed".
func numbers[N int | int64](of map[string]N) string {
	var parts []string
	for _, state := range []string{"queued", "sending", "deferred", "held", "delivered", "failed", "captured"} {
		if of[state] > 0 {
			parts = append(parts, fmt.Sprint(of[state], " ", state))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// median says how long half of them took at most, as in "mostly up to 100ms".
func median(d localapi.Durations) (string, bool) {
	if len(d.Buckets) == 0 {
		return "", false
	}
	all := d.Buckets[len(d.Buckets)-1].Count
	if all == 0 {
		return "", false
	}
	i := slices.IndexFunc(d.Buckets, func(b localapi.Bucket) bool { return 2*b.Count >= all })
	if b := d.Buckets[i]; b.AtMost != nil {
		return "mostly up to " + rounded(*b.AtMost), true
	}
	return "mostly more than a day", true
}

// rounded returns seconds in the largest unit they fill.
func rounded(seconds float64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"hours", 3600}, {"minutes", 60}, {"s", 1}} {
		if seconds >= unit.seconds {
			return fmt.Sprintf("%g %s", seconds/unit.seconds, unit.name)
		}
	}
	return fmt.Sprintf("%g ms", seconds*1000)
}
