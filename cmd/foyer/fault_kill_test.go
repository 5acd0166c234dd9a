package main_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestKilledInDelivery kills the service, without a warning, in each moment of the delivery of one mail, and starts it
// again. The next server decides when: the program has no points at which it fails by itself.
func TestKilledInDelivery(t *testing.T) {
	tests := []struct {
		moment      string
		least, most int // how often the mail comes in all
	}{
		{atConnect, 1, 1},
		{atRecipient, 1, 1},
		{atDot, 2, 2},
		{atAnswered, 1, 2}, // the kill races with the commit of the outcome
	}
	for _, own := range []bool{false, true} {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%s,own=%t", test.moment, own), func(t *testing.T) {
				next := newNextServer(t)
				dir := t.TempDir()
				r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
				r.killAt(next, test.moment, "")
				key := "load jane@acme.example"
				if own {
					key = ownMail + " jane@acme.example"
					if status, _, err := post(visitor(t), r.url+"/register", signUpForm("jane@acme.example")); err != nil || status != http.StatusSeeOther {
						t.Fatalf("sign-up: %d, %v", status, err)
					}
				} else {
					r.handOne(password, "load", "jane@acme.example")
				}
				<-r.done
				r = nextRelay(t, dir)
				all := r.settle()
				got := next.taken()
				if n := len(got[key]); n < test.least || n > test.most || len(got) != 1 {
					t.Errorf("the mail came %d times, want %d to %d; all: %v", n, test.least, test.most, got)
				}
				(&acks{log: []string{key}}).check(t, got)
				if len(all) != 1 || all[0].State != "delivered" {
					t.Errorf("the queue has %+v, want the one mail, delivered", all)
				}
			})
		}
	}
}

// TestKilledBeforeConnecting kills the service when an attempt is booked and no server has said a word yet.
func TestKilledBeforeConnecting(t *testing.T) {
	next := newNextServer(t)
	block := make(chan struct{})
	next.when(func(moment, _ string) {
		if moment == atConnect {
			<-block
		}
	})
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	r.handOne(password, "load", "jane@acme.example")
	eventually(t, "the attempt is booked", func() bool {
		all := query[[]queued](r.process, "mail", "list")
		return len(all) == 1 && all[0].State == "sending"
	})
	r.stop(syscall.SIGKILL)
	close(block)
	next.when(nil)
	r = nextRelay(t, dir)
	if all := query[[]queued](r.process, "mail", "list"); len(all) != 1 || all[0].State != "deferred" {
		t.Errorf("after the start the queue has %+v, want the mail deferred to the attempt that was booked", all)
	}
	r.settle()
	if got := next.taken(); len(got["load jane@acme.example"]) != 1 {
		t.Errorf("the mail came as %v, want once", got)
	}
}

// TestKilledInBounce kills the service while it writes that mails have failed, and to whom that is told, and while it
// brings that on its way. Each sender hears of each failure.
func TestKilledInBounce(t *testing.T) {
	const mails = 12
	for _, test := range []struct{ moment, to string }{
		{atRefusal, "refused7@acme.example"},
		{atRecipient, "shop@office.example"},
		{atDot, "shop@office.example"},
		{atAnswered, "shop@office.example"},
	} {
		t.Run(test.moment, func(t *testing.T) {
			next := newNextServer(t)
			dir := t.TempDir()
			r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
			r.killAt(next, test.moment, test.to)
			r.run("settings", "set", "mail.hold=on")
			for i := range mails {
				r.handOne(password, "load", fmt.Sprintf("refused%d@acme.example", i))
			}
			r.try("settings", "set", "mail.hold=off")
			<-r.done
			r = nextRelay(t, dir)
			kinds := map[string]int{}
			for _, m := range r.settle() {
				kinds[m.Kind+" "+m.State]++
			}
			if want := map[string]int{"relayed failed": mails, "bounce delivered": mails}; !maps.Equal(kinds, want) {
				t.Errorf("the queue has %v, want %v", kinds, want)
			}
			got := next.taken()[ownMail+" shop@office.example"]
			if distinct := len(slices.Compact(slices.Sorted(slices.Values(got)))); distinct != mails || len(got) > mails+inFlight {
				t.Errorf("the sender was told %d times of %d failures, want %d", len(got), distinct, mails)
			}
		})
	}
}

// inFlight bounds how many mails may come twice after a crash: on each of the two connections to a server four attempts
// may be begun that are not written down.
const inFlight = 2 * 4

// killAt kills the service when a delivery, to anybody or to one address, is at a moment for the first time.
func (r *relaying) killAt(next *nextServer, moment, to string) {
	var once sync.Once
	next.when(func(m, recipient string) {
		if m == moment && (to == "" || recipient == to) {
			once.Do(func() { r.stop(syscall.SIGKILL) })
		}
	})
}

// TestRelayKilledUnderLoad kills the service, without a warning, while programs hand over mails with several recipients,
// people sign up and mail leaves, each time at another moment of a delivery, and starts it again. What was acknowledged
// arrives, and no more comes twice than was on the wire, with the same Message-ID.
func TestRelayKilledUnderLoad(t *testing.T) {
	next := newNextServer(t)
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	var taken acks
	rounds := []string{atDot, atAnswered, atRecipient, atConnect, atAnswered, atDot}
	for round, moment := range rounds {
		if round > 0 {
			began := time.Now()
			r = nextRelay(t, dir)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the start after a kill took %v", took)
			}
			r.run("mail", "hold", "all")
			r.run("mail", "release", "all") // what the kill has cut off waits for its next attempt; now it need not
		}
		var seen atomic.Int64
		var once sync.Once
		least := int64(40 + 23*round)
		if moment == atConnect {
			least = 1
		}
		next.when(func(m, _ string) {
			if m == moment && seen.Add(1) >= least {
				once.Do(func() { r.stop(syscall.SIGKILL) })
			}
		})
		name := fmt.Sprintf("round%d", round)
		group := r.load(&taken, password, name, 4, nil)
		group.Go(func() {
			client := visitor(t)
			for n := 0; ; n++ {
				email := fmt.Sprintf("%s-%d@acme.example", name, n)
				if status, _, err := post(client, r.url+"/register", signUpForm(email)); err != nil || status != http.StatusSeeOther {
					return
				}
				taken.add(ownMail, email)
			}
		})
		select {
		case <-r.done:
		case <-time.After(60 * time.Second):
			t.Fatalf("the load has come to a halt at %q:\n%s", moment, r.log)
		}
		group.Wait()
	}
	next.when(nil)
	r = nextRelay(t, dir)
	r.run("mail", "hold", "all")
	r.run("mail", "release", "all")
	r.settle()
	doubled := taken.check(t, next.taken())
	if doubled > len(rounds)*inFlight {
		t.Errorf("%d mails came twice, more than the %d that could be on the wire", doubled, len(rounds)*inFlight)
	}
	relayed := slices.DeleteFunc(taken.all(), func(key string) bool { return strings.HasPrefix(key, ownMail) })
	t.Logf("%d recipients' mails acknowledged, %d of them Foyer's own; %d came twice over %d kills", len(taken.all()), len(taken.all())-len(relayed), doubled, len(rounds))
}
