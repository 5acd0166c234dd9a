package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"
)

// notifier tells the service manager how the service is, as sd_notify(3) does. The zero value tells nobody.
type notifier struct {
	socket   string        // where the manager listens, "" when it does not
	watchdog time.Duration // how long the manager waits for a sign of life, 0 when it does not
}

// newNotifier returns what the manager has put into the environment.
func newNotifier(getenv func(string) string) notifier {
	n := notifier{socket: getenv("NOTIFY_SOCKET")}
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// send sends one message, as in "READY=1".
func (n notifier) send(ctx context.Context, message string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", n.socket) // a name with an @ is an abstract one, for Go too
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// What the manager is told of the state: serving is in front of the address, starting in front of how far the start is.
const (
	serving  = "serving at "
	starting = "starting"
	stopping = "stopping"
)

// firstProbe is how soon a service that does not answer yet is asked again.
const firstProbe = 100 * time.Millisecond

// watched is a service with what the service manager is told about it.
type watched struct {
	notifier notifier
	run      func(ctx context.Context) error // serves until ctx is done
	alive    func(ctx context.Context) error // returns nil when the service does its work
	url      func() string
	log      *slog.Logger
}

// Run runs the service. The manager hears that it is ready when it answers for the first time, from then on that it is alive
// each time it answers, and when it begins to stop.
func (w watched) Run(ctx context.Context) error {
	if w.notifier.socket == "" {
		return w.run(ctx)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { w.watch(watching) })
	group.Go(func() {
		<-watching.Done()
		w.tell(context.WithoutCancel(ctx), "STOPPING=1\nSTATUS="+stopping)
	})
	err := w.run(ctx)
	stop()
	group.Wait()
	return err
}

// watch asks the service at a third of the time the manager waits, so that one slow answer is not its end.
func (w watched) watch(ctx context.Context) {
	wait, ready := firstProbe, false
	for {
		if w.probe(ctx) {
			message := "WATCHDOG=1\nSTATUS=" + serving + w.url()
			if !ready {
				message = "READY=1\n" + message
			}
			w.tell(ctx, message)
			ready = true
		}
		if ready && w.notifier.watchdog == 0 {
			return
		}
		if ready {
			wait = w.notifier.watchdog / 3
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// probeTimeout is how long the service may take for an answer.
const probeTimeout = 10 * time.Second

func (w watched) probe(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := w.alive(asking)
	if err != nil && ctx.Err() == nil {
		w.log.Error("the service does not answer itself", "err", err)
	}
	return err == nil
}

func (w watched) tell(ctx context.Context, message string) {
	if err := w.notifier.send(ctx, message); err != nil && ctx.Err() == nil {
		w.log.Warn("the service manager was not told", "err", err)
	}
}
