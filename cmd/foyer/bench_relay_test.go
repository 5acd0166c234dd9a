//go:build bench

package main_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// What is measured of every relay, in the same way: smtp-source hands mails over in so many sessions at one time, a new
// connection for each mail, and smtp-sink takes what comes out.
const (
	relayMails    = 2000
	relaySessions = 8
	relayBytes    = 3 << 10
	relayRounds   = 3
)

// relay is a mail server between smtp-source and smtp-sink.
type relay struct {
	name      string
	addr      string
	recipient string
	accepted  []float64 // mails a second in each round, from the first connection to the last answer
	delivered []float64 // and from there to the last arrival
}

func benchRelay(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		out := startSink(t, "")
		measureRelays(t, "this disk as it is", out, postfixRelay(t, out, nil), chasquidRelay(t, out))
	})
	t.Run("slow disk", func(t *testing.T) {
		env := []string{"LD_PRELOAD=" + slowSync(t)}
		out := startSink(t, "")
		// Without chasquid: it never syncs what it accepts (it writes a file and renames it), and as a Go program would
		// do so without the C library that LD_PRELOAD changes.
		measureRelays(t, "a sync takes 2 ms more", out, postfixRelay(t, out, env))
	})
}

// postfixRelay is a Postfix with its defaults, that gives all mail to the sink. It syncs each mail before it accepts it.
func postfixRelay(t *testing.T, out *sink, env []string) *relay {
	t.Helper()
	p := startPostfix(t, postfixConfig{env: env, settings: []string{
		"relayhost = [" + hostOf(t, out.addr) + "]:" + portOf(t, out.addr),
		"mynetworks = 127.0.0.0/8",
	}})
	return &relay{name: "Postfix", addr: p.addr, recipient: "user@remote.test"}
}

// chasquidRelay is a chasquid with its defaults. It relays for who signs in, which smtp-source cannot, and for its own
// users: one of them has another address. It finds the sink as that one's mail server in the DNS.
func chasquidRelay(t *testing.T, out *sink) *relay {
	t.Helper()
	dns := startDNS(t, "--mx-host=remote.test,sink.test,10", "--address=/sink.test/"+hostOf(t, out.addr))
	c := startChasquid(t, chasquidConfig{
		authority: newMailAuthority(t), domain: "local.test", aliases: "user: user@remote.test\n", outPort: portOf(t, out.addr), dns: dns,
	})
	return &relay{name: "chasquid (never syncs)", addr: c.smtp, recipient: "user@local.test"}
}

// measureRelays lets the relays take turns and reports the median of each. The first is the one the others are compared
// with.
func measureRelays(t *testing.T, disk string, out *sink, relays ...*relay) {
	t.Helper()
	for _, r := range relays {
		r.round(t, out, 200) // programs start their workers when there is work
	}
	for range relayRounds {
		for _, r := range relays {
			accepted, delivered := r.round(t, out, relayMails)
			r.accepted, r.delivered = append(r.accepted, accepted), append(r.delivered, delivered)
		}
	}
	for _, r := range relays {
		show(fmt.Sprintf("mails accepted/s by %s; %s", r.name, disk), median(r.accepted))
		show(fmt.Sprintf("mails delivered/s by %s; %s", r.name, disk), median(r.delivered))
	}
}

// round sends n mails through the relay and returns how many a second it has accepted and delivered.
func (r *relay) round(t *testing.T, out *sink, n int) (accepted, delivered float64) {
	t.Helper()
	all := out.count.want(n)
	begin := time.Now()
	took := smtpSource(t, r.addr, "-s", strconv.Itoa(relaySessions), "-l", strconv.Itoa(relayBytes), "-m", strconv.Itoa(n),
		"-f", "program@office.test", "-t", r.recipient)
	select {
	case <-all:
	case <-time.After(5 * time.Minute):
		arrived, _ := out.count.taken()
		t.Fatalf("%s: after 5 minutes %d mails have arrived in all", r.name, arrived)
	}
	_, last := out.count.taken()
	return float64(n) / took.Seconds(), float64(n) / last.Sub(begin).Seconds()
}

func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}
