package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"
)

// parting is what the service has said when it could not go on, for whoever asks how it is.
type parting struct {
	Status int    `json:"status"` // what serve has ended with
	Text   string `json:"text"`
}

// explain adds to how the service manager knows the service what the manager does not: that it does not serve, and why.
func (w parting) explain(st *serviceStatus) {
	if w.Text == "" {
		return
	}
	switch st.State {
	case stateRunning: // the process does; the service tries again
		st.State, st.Running, st.Detail = stateRestarting, false, w.Text
	case stateFailed:
		st.Detail, st.Reason = w.Text, failureReason(w.Status)
	}
}

// partingFile is where the parting words are: everybody may read them, the service may write them. It is empty while there is nothing to
// say; "" is none.
type partingFile string

// read returns the parting words, none when they cannot be read.
func (f partingFile) read() parting {
	var w parting
	data, err := os.ReadFile(string(f))
	if err != nil || json.Unmarshal(data, &w) != nil {
		return parting{}
	}
	return w
}

// write leaves them behind.
func (f partingFile) write(w parting) error {
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return f.put(data)
}

// clear takes them away.
func (f partingFile) clear() error { return f.put(nil) }

// put writes the file where it is: it is install that makes it, and gives it its permissions.
func (f partingFile) put(data []byte) error {
	if f == "" {
		return nil
	}
	file, err := os.OpenFile(string(f), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return ignoreMissing(err)
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// startTime is how long the manager is kept waiting for a service that starts. One that takes longer has a database to bring up to
// date, and counts as started.
const startTime = 25 * time.Second

// retryAfter is after how long a start is tried again that has failed: RestartSec of the unit for systemd.
const retryAfter = 2 * time.Second

// managed is the service while a manager runs it that starts none again whose start has failed.
type managed struct {
	words partingFile
	log   func(fault bool, text string) // writes into the system's log
	exit  func(status int)              // ends the process

	ready   chan struct{} // closed when it serves
	retries chan struct{} // closed when it does not, and tries again
	ended   chan error
	cancel  context.CancelFunc
}

func newManaged(words partingFile) *managed {
	return &managed{words: words, exit: os.Exit, ready: make(chan struct{}), retries: make(chan struct{}), ended: make(chan error, 1)}
}

// begin begins to run the service and returns when it serves or is going to try again, or with what keeps it from serving until a
// person has done something.
func (m *managed) begin(ctx context.Context, run func(context.Context) error) error {
	m.note(m.words.clear())
	ctx, m.cancel = context.WithCancel(ctx)
	go func() { m.ended <- m.persist(ctx, run) }()
	wait := time.NewTimer(startTime)
	defer wait.Stop()
	select {
	case err := <-m.ended:
		if !m.serves() {
			return err
		}
		m.ended <- err
	case <-m.ready:
	case <-m.retries:
	case <-wait.C:
	}
	go m.watch(ctx)
	return nil
}

// persist runs the service until it was asked to end, has ended after it has served, or needs a person. A start that has failed
// otherwise, as with a port that another program has for a moment, is tried again.
func (m *managed) persist(ctx context.Context, run func(context.Context) error) error {
	retries, told := sync.OnceFunc(func() { close(m.retries) }), ""
	for {
		err := run(ctx)
		if ctx.Err() != nil || m.serves() {
			return err
		}
		if err == nil {
			err = errors.New("it ended at once")
		}
		text, status := errorLine(err), exitStatus(err)
		m.note(m.words.write(parting{Status: status, Text: text}))
		if text != told { // not a line every two seconds
			m.log(true, "Foyer does not start: "+text)
			told = text
		}
		if status == exitData || status == exitInvalid {
			return err
		}
		retries()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

// started notes that the service serves.
func (m *managed) started() {
	m.note(m.words.clear())
	m.log(false, "Foyer "+version()+" has started.")
	close(m.ready)
}

// serves reports whether the service has served.
func (m *managed) serves() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// watch ends the process when the service ends by itself, by which the manager knows that it is to start it again.
func (m *managed) watch(ctx context.Context) {
	err := <-m.ended
	if ctx.Err() == nil {
		text := "it ended"
		if err != nil {
			text = errorLine(err)
		}
		m.note(m.words.write(parting{Status: exitStatus(err), Text: text}))
		m.log(true, "Foyer has ended: "+text)
		m.exit(exitFailed)
	}
	m.ended <- err
}

// end ends it and waits.
func (m *managed) end() error {
	m.cancel()
	err := <-m.ended
	m.ended <- err // watch waits too
	m.note(m.words.clear())
	m.log(false, "Foyer has stopped.")
	return err
}

// note logs that the parting words could not be kept.
func (m *managed) note(err error) {
	if err != nil {
		m.log(true, "Foyer cannot note how it is: "+errorLine(err))
	}
}
