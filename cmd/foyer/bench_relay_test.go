//go:build bench

package main_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"syscall"
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
	goal      string
	accepted  []float64 // mails a second in each round, from the first connection to the last answer
	delivered []float64 // and from there to the last arrival
}

func benchRelay(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		out := startSink(t, "")
		measureRelays(t, "this disk as it is", out, foyerRelay(t, out, nil), postfixRelay(t, out, nil), chasquidRelay(t, out))
	})
	t.Run("slow disk", func(t *testing.T) {
		env := []string{"LD_PRELOAD=" + slowSync(t)}
		out := startSink(t, "")
		// Without chasquid: it never syncs what it accepts (it writes a file and renames it), and as a Go program would
		// do so without the C library that LD_PRELOAD changes.
		measureRelays(t, "a sync takes 2 ms more", out, foyerRelay(t, out, env), postfixRelay(t, out, env))
	})
}

// waitingMails is how many mails wait while it is measured what that costs the others.
const waitingMails = 100_000

// benchBacklog measures accepting, delivering and listing with and without many mails that wait for a later attempt.
func benchBacklog(t *testing.T) {
	out := startSink(t, "")
	w := openWayIn(t, nil)
	w.through(out.addr, "none")
	w.forMe("office.test")
	r := &relay{name: "Foyer", addr: w.addr, recipient: "user@remote.test"}
	measure := func() (accepted, delivered, pages float64) {
		r.accepted, r.delivered = nil, nil
		r.round(t, out, 200)
		for range relayRounds {
			r.add(r.round(t, out, relayMails))
		}
		client := socketClient(t, w.process)
		pages = perSecond(t, 1, func(int) error {
			res, err := client.Get("http://foyer/v1/messages?limit=100")
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			if res.StatusCode != http.StatusOK {
				err = fmt.Errorf("list of mails: %s", res.Status)
			}
			return errors.Join(err, res.Body.Close())
		})
		return median(r.accepted), median(r.delivered), pages
	}
	accepted, delivered, pages := measure()

	// They come in as any others, and are then put off.
	const each = 50
	w.run("settings", "set", "mail.hold=on")
	smtpSource(t, w.addr, "-s", strconv.Itoa(relaySessions), "-l", strconv.Itoa(relayBytes), "-m", strconv.Itoa(waitingMails/each),
		"-r", strconv.Itoa(each), "-f", "program@office.test", "-t", "late@remote.test")
	w.process = fill(t, w.process, fmt.Sprintf("UPDATE message SET next_attempt = %d WHERE state = 'queued'", time.Now().Add(4*time.Hour).UnixMilli()))
	w.stop(syscall.SIGTERM)
	w.process = serveAs(t, w.dir, nil, "--config", w.config)
	w.run("settings", "set", "mail.hold=off")

	acceptedThen, deliveredThen, pagesThen := measure()
	const goal = "at most 1.5"
	report("mails accepted/s with none waiting : with 100,000", accepted, acceptedThen, goal)
	report("mails delivered/s with none waiting : with 100,000", delivered, deliveredThen, goal)
	report("pages of the list of mails/s with none waiting : with 100,000", pages, pagesThen, goal)
}

// foyerRelay is a Foyer with its defaults, but for the limits on how many mails a program may send and how many may wait.
func foyerRelay(t *testing.T, out *sink, env []string) *relay {
	t.Helper()
	w := openWayIn(t, env)
	w.through(out.addr, "none")
	w.forMe("office.test")
	return &relay{name: "Foyer", addr: w.addr, recipient: "user@remote.test"}
}

// postfixRelay is a Postfix with its defaults, that gives all mail to the sink. It syncs each mail before it accepts it.
func postfixRelay(t *testing.T, out *sink, env []string) *relay {
	t.Helper()
	p := startPostfix(t, postfixConfig{env: env, settings: []string{
		"relayhost = [" + hostOf(t, out.addr) + "]:" + portOf(t, out.addr),
		"mynetworks = 127.0.0.0/8",
	}})
	return &relay{name: "Postfix", addr: p.addr, recipient: "user@remote.test", goal: "at least 1"}
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

// measureRelays lets the relays take turns and reports the median of each. The first is the one that is compared with
// the others.
func measureRelays(t *testing.T, disk string, out *sink, relays ...*relay) {
	t.Helper()
	for _, r := range relays {
		r.round(t, out, 200) // programs start their workers when there is work
	}
	for range relayRounds {
		for _, r := range relays {
			r.add(r.round(t, out, relayMails))
		}
	}
	foyer := relays[0]
	for _, r := range relays[1:] {
		report(fmt.Sprintf("mails accepted/s by Foyer : by %s; %s", r.name, disk), median(foyer.accepted), median(r.accepted), r.goal)
		report(fmt.Sprintf("mails delivered/s by Foyer : by %s; %s", r.name, disk), median(foyer.delivered), median(r.delivered), r.goal)
	}
}

func (r *relay) add(accepted, delivered float64) {
	r.accepted, r.delivered = append(r.accepted, accepted), append(r.delivered, delivered)
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
