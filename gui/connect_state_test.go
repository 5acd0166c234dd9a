package gui

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

func starting(step string, done, total int64) connection {
	return connection{link: linkStarting, version: localapi.Version{Starting: &localapi.Starting{Step: step, Done: done, Total: total}}}
}

func TestConnectStarting(t *testing.T) {
	d, v, _ := openConnect(t, &testHost{})
	v.show(starting("migrate", 3, 4))
	d.sees("The service is starting", "Bringing the database up to date…")
	d.seesNot("[Try again now]", "[Start", "[Restart", "demonstration")
	if got := v.start.part.Value; got != 0.75 {
		t.Errorf("the bar shows %v, want three quarters", got)
	}
	d.picture("connect-starting")
	v.show(starting("backup", 0, 0))
	d.sees("Making a backup first…")
	if v.start.part.Visible() {
		t.Error("there is a bar although nobody knows how much there is to do")
	}
}

// TestConnectFailed gives the reason in the service's own words, and offers a backup where the data are what is wrong.
func TestConnectFailed(t *testing.T) {
	for _, c := range []struct {
		reason, want string
		restores     bool
	}{
		{FailedData, "It cannot use its data and has changed nothing of them.", true},
		{FailedConfig, "Its configuration is not valid.", false},
		{"", "It has ended with an error", false},
	} {
		h := &testHost{state: ServiceState{Managed: true, Installed: true, Failed: true, Reason: c.reason, Detail: "database damaged: page 7 of accounts"}}
		d, v, retries := openConnect(t, h)
		restores := 0
		v.restore = func() { restores++ }
		l := newLive(&windowClient{}, h, func(do func()) { do() })
		v.show(l.connectionOf(localapi.Version{}, app.Errorf(app.Unavailable, "service_unreachable", "nobody answers")))
		d.sees("The service could not start", c.want, "Database damaged: page 7 of accounts.", "[Start it again]")
		if c.restores {
			d.picture("connect-failed")
			d.tap("Restore a backup…")
		} else {
			d.seesNot("Restore a backup")
		}
		d.tap("Start it again")
		if *retries != 1 || !slices.Equal(h.done, []string{"start"}) || c.restores != (restores == 1) {
			t.Errorf("%s: %d retries, done %q, %d restores", c.reason, *retries, h.done, restores)
		}
	}
}

// TestWindowFailed keeps what is typed while the service has failed, and leads to what can be done.
func TestWindowFailed(t *testing.T) {
	w, settle := newTestWindow(t)
	w.open(pageSettings, "")
	settle()
	w.setConnection(starting("migrate", 1, 2))
	if all := textsOf(w.win); !contains(all, "The service is starting. What you have typed is kept.", "Bringing the database up to date…", "[Settings]") || w.start.part.Value != 0.5 {
		t.Errorf("a start shows:\n%s", all)
	}
	state := ServiceState{Managed: true, Installed: true, Failed: true, Reason: FailedData}
	w.setConnection(connection{link: linkFailed, text: "The database is damaged.", service: state})
	if all := textsOf(w.win); !contains(all, "The service could not go on and has ended. The database is damaged.", "[Settings]") || contains(all, "Bringing") {
		t.Errorf("a failure shows:\n%s", all)
	}
	test.Tap(w.bar.action)
	if all := textsOf(w.win); !contains(all, "The service could not start", "[Restore a backup…]") {
		t.Errorf("what can be done is not shown:\n%s", all)
	}
	w.connect.mend.OnTapped()
	if all := textsOf(w.win); !contains(all, "Show the backups of this machine") {
		t.Errorf("a backup cannot be restored:\n%s", all)
	}
}

// TestWindowRestored says after a restore that mail is held, whether the service answers before or after it is told.
func TestWindowRestored(t *testing.T) {
	up := connection{link: linkUp, version: localapi.Version{Version: "1.2.3"}}
	for _, first := range []bool{true, false} {
		w, settle := newTestWindow(t)
		w.setConnection(connection{link: linkSilent, retry: time.Second})
		if first {
			w.setConnection(up)
			w.restored()
		} else {
			w.restored()
			w.setConnection(up)
		}
		settle()
		if all := textsOf(w.win); !contains(all, "The backup is restored. Mail is held", "[Go to Mail]") {
			t.Fatalf("after a restore the window shows:\n%s", all)
		}
		w.current = nil // the fake of this window has no mail
		w.setConnection(up)
		if all := textsOf(w.win); contains(all, "The backup is restored") {
			t.Errorf("it is said again:\n%s", all)
		}
	}
}

// TestWindowOtherVersion leads to where the service is updated.
func TestWindowOtherVersion(t *testing.T) {
	w, _ := newTestWindow(t)
	w.setConnection(connection{link: linkUp, version: localapi.Version{Version: "1.0.0"}})
	if all := textsOf(w.win); !contains(all, "The service is version 1.0.0 and this program is 1.2.3", "[Update…]") {
		t.Errorf("another version shows:\n%s", all)
	}
}

// hangingClient is a service that takes calls and does not answer.
type hangingClient struct{ Client }

func (hangingClient) Version(ctx context.Context) (localapi.Version, error) {
	<-ctx.Done()
	return localapi.Version{}, app.Errorf(app.Unavailable, "service_unreachable", "the service did not answer in time")
}

// TestLiveHangs expects a service that hangs to be said not to answer within five seconds.
func TestLiveHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := make(chan connection, 10)
		l := newLive(hangingClient{}, &testHost{state: ServiceState{Managed: true, Installed: true, Running: true}}, func(do func()) { do() })
		l.state = func(c connection) { told <- c }
		begin := time.Now()
		go l.keep(ctx)
		if c := <-told; c.link != linkSilent || time.Since(begin) > 5*time.Second {
			t.Errorf("after %v the link is %v", time.Since(begin), c.link)
		}
		cancel()
		synctest.Wait()
	})
}

// startingClient is a service that starts, and then is there.
type startingClient struct {
	Client
	asked int
}

func (c *startingClient) Version(context.Context) (localapi.Version, error) {
	c.asked++
	if c.asked < 4 {
		return localapi.Version{Starting: &localapi.Starting{Step: "migrate", Done: int64(c.asked), Total: 4}}, nil
	}
	return localapi.Version{Permitted: true}, nil
}

func (c *startingClient) Watch(ctx context.Context, ready func(), _ func(localapi.Change)) error {
	ready()
	<-ctx.Done()
	return ctx.Err()
}

// TestLiveStarting follows a start to its end, without long pauses.
func TestLiveStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var links []link
		l := newLive(&startingClient{}, &testHost{}, func(do func()) { do() })
		l.state = func(c connection) {
			links = append(links, c.link)
			if c.link == linkUp {
				cancel()
			}
		}
		begin := time.Now()
		l.keep(ctx)
		if want := []link{linkStarting, linkStarting, linkStarting, linkUp}; !slices.Equal(links, want) || time.Since(begin) > 3*time.Second {
			t.Errorf("got %v after %v, want %v", links, time.Since(begin), want)
		}
	})
}
