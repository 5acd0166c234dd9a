package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// visitor is a browser without a screen: it keeps cookies and does not follow redirects.
func visitor(tb testing.TB) *http.Client {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends a form and returns the status; 0 and an error when the service is gone.
func post(client *http.Client, address string, form url.Values) (status int, location string, err error) {
	res, err := client.PostForm(address, form)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	return res.StatusCode, res.Header.Get("Location"), err
}

func signUpForm(email string) url.Values {
	return url.Values{"first_name": {"Jane"}, "last_name": {"Doe"}, "email": {email}, "phone": {""}}
}

// TestKilledUnderLoad kills the service, without a warning, while people sign up and mail leaves, and starts it again,
// five times. Every sign-up that was answered is there, with its mail; and no mail has left twice but those that were on
// the wire at a kill, with the same Message-ID.
func TestKilledUnderLoad(t *testing.T) {
	const kills, clients = 5, 8
	office := newPostOffice(t)
	dir := t.TempDir()
	p := serve(t, dir)
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run(office.settings()...)

	var acknowledged []string
	var number atomic.Int64
	for round := range kills + 1 {
		if round > 0 {
			p = serve(t, dir)
		}
		if round == kills {
			break
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		enough := make(chan struct{})
		atLeast := len(acknowledged) + 100 + 37*round
		for range clients {
			client := visitor(t)
			group.Go(func() {
				for {
					email := fmt.Sprintf("u%d@acme.example", number.Add(1))
					status, _, err := post(client, p.url+"/register", signUpForm(email))
					if err != nil {
						return // the service was killed
					}
					if status != http.StatusSeeOther {
						t.Errorf("sign-up of %s: status %d", email, status)
						return
					}
					mu.Lock()
					acknowledged = append(acknowledged, email)
					if len(acknowledged) == atLeast {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(60 * time.Second):
			mu.Lock()
			defer mu.Unlock()
			t.Fatalf("the load has come to a halt after %d sign-ups:\n%s", len(acknowledged), p.log)
		}
		p.stop(syscall.SIGKILL)
		group.Wait()
	}
	t.Logf("%d sign-ups acknowledged over %d kills", len(acknowledged), kills)
	checkNothingLost(t, p, office, acknowledged, kills)
}

func checkNothingLost(t *testing.T, p *process, office *postOffice, acknowledged []string, kills int) {
	t.Helper()
	type registration struct{ Email string }
	waiting := map[string]int{}
	for _, r := range query[[]registration](p, "registration", "list") {
		waiting[r.Email]++
	}
	for _, email := range acknowledged {
		if waiting[email] != 1 {
			t.Errorf("%s was acknowledged and is registered %d times", email, waiting[email])
		}
	}
	// Attempts that a kill has cut off wait for their next try; it need not be waited for here.
	type message struct{ ID, State, Recipient string }
	eventually(t, "every mail has left", func() bool {
		open := 0
		for _, m := range query[[]message](p, "mail", "list") {
			switch m.State {
			case "deferred":
				p.try("mail", "retry", m.ID)
				open++
			case "delivered":
			default:
				open++
			}
		}
		return open == 0
	})
	ids := map[string][]string{}
	for _, l := range office.all() {
		ids[l.To] = append(ids[l.To], l.MessageID)
	}
	doubled := 0
	for _, email := range acknowledged {
		got := ids[email]
		if len(got) == 0 {
			t.Errorf("the mail to %s is lost", email)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(got)))) > 1 {
			t.Errorf("%s got different mails: %v", email, got)
		}
		if len(got) > 1 {
			doubled += len(got) - 1
		}
	}
	const unwritten = 8 // two connections, and four attempts of each that may wait for being written down
	if doubled > kills*unwritten {
		t.Errorf("%d mails left twice, more than the %d that could be on the wire", doubled, kills*unwritten)
	}
	t.Logf("%d mails delivered, %d of them twice", len(office.all()), doubled)
}

// TestManyBrowsersAtOnce has 64 people sign up, confirm and sign in at the same moment.
func TestManyBrowsersAtOnce(t *testing.T) {
	const people = 64
	office := newPostOffice(t)
	p := serve(t, t.TempDir())
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run(office.settings()...)
	begin := make(chan struct{})
	var ready, group sync.WaitGroup
	ready.Add(people)
	for i := range people {
		client, email := visitor(t), fmt.Sprintf("u%d@acme.example", i)
		group.Go(func() {
			ready.Done()
			<-begin
			if status, to, err := post(client, p.url+"/register", signUpForm(email)); err != nil || status != http.StatusSeeOther || to != "/register/sent" {
				t.Errorf("sign-up of %s: %d to %q, %v", email, status, to, err)
			}
		})
	}
	ready.Wait()
	close(begin)
	group.Wait()
	links := map[string]string{}
	for len(links) < people && !t.Failed() {
		select {
		case l := <-office.arrived:
			links[l.To] = l.find(t, confirmLink)
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d mails have arrived", len(links), people)
		}
	}
	for email, link := range links {
		client := visitor(t)
		group.Go(func() {
			passwords := url.Values{"password": {firstPassword}, "password_confirm": {firstPassword}}
			if status, _, err := post(client, link, passwords); err != nil || status != http.StatusSeeOther {
				t.Errorf("confirmation of %s: %d, %v", email, status, err)
			}
			if status, to, err := post(client, p.url+"/login", url.Values{"email": {email}, "password": {firstPassword}}); err != nil || to != "/account" {
				t.Errorf("sign-in of %s: %d to %q, %v", email, status, to, err)
			}
		})
	}
	group.Wait()
	if accounts := query[[]map[string]any](p, "account", "list"); len(accounts) != people {
		t.Errorf("%d accounts, want %d", len(accounts), people)
	}
}
