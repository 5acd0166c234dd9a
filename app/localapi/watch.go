package localapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"foyer/app"
)

// The topics of a Change: what lists a client should read again.
const (
	TopicAccounts      = string(app.TopicAccounts)
	TopicRegistrations = string(app.TopicRegistrations)
	TopicCompanies     = string(app.TopicCompanies)
	TopicConnectors    = string(app.TopicConnectors)
	TopicSettings      = string(app.TopicSettings)
	TopicMessages      = string(app.TopicMessages)
	TopicEvents        = string(app.TopicEvents)
	TopicPrograms      = string(app.TopicPrograms)
	TopicJobs          = string(app.TopicJobs)
	TopicBackups       = string(app.TopicBackups)
	TopicAddress       = string(app.TopicAddress)
	TopicAttention     = string(app.TopicAttention)
)

// Change tells that something under these topics is not as it was. It says where to look, not what.
type Change struct {
	Topics []string `json:"topics"`
}

const (
	// changeEvery is how often changes are told at most; what changes meanwhile is told together.
	changeEvery = 200 * time.Millisecond
	// aliveEvery is how often something is sent when nothing changes, by which either end knows that the other is there.
	aliveEvery = 15 * time.Second
	// silence is how long a client waits for that.
	silence = 3 * aliveEvery
	// maxLine bounds a line of the stream; one that names every topic is far below.
	maxLine = 64 << 10
)

// watch answers with server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.
func (h *handler) watch(r *request) (any, error) {
	if _, err := r.query(); err != nil {
		return nil, err
	}
	// The time limits of a call are not for one that lasts as long as the client.
	out := http.NewResponseController(r.w)
	if err := errors.Join(out.SetReadDeadline(time.Time{}), out.SetWriteDeadline(time.Time{})); err != nil {
		return nil, err
	}
	return stream{"text/event-stream", func() error { return h.sendChanges(r, out) }}, nil
}

func (h *handler) sendChanges(r *request, out *http.ResponseController) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-h.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	// A client that reads nothing must not keep the service from stopping.
	defer context.AfterFunc(ctx, func() { _ = out.SetWriteDeadline(time.Now()) })()
	send := func(text string) error {
		if _, err := io.WriteString(r.w, text); err != nil {
			return err
		}
		return out.Flush()
	}
	watch := h.Backend.Watch()
	defer watch.Close()
	if err := send(": ready\n\n"); err != nil {
		return err
	}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for {
		text := ": alive\n\n"
		select {
		case <-ctx.Done():
			return nil
		case <-alive.C:
		case <-watch.Changed():
			data, err := json.Marshal(changeOf(watch.Take()))
			if err != nil {
				return err
			}
			text = "event: change\ndata: " + string(data) + "\n\n"
		}
		if err := send(text); err != nil {
			return err
		}
		if !rest(ctx, changeEvery) {
			return nil
		}
	}
}

// rest waits and reports whether ctx is not done.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func changeOf(topics []app.Topic) Change {
	out := Change{Topics: make([]string, 0, len(topics))}
	for _, topic := range topics {
		out.Topics = append(out.Topics, string(topic))
	}
	return out
}

// Watch calls changed with every change from now on, in the caller's goroutine, until ctx is done or the service goes away;
// it returns the error that ended it. ready is called once when the service has answered: what changes after that is told.
func (c *Client) Watch(ctx context.Context, ready func(), changed func(Change)) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lost := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer lost.Stop()
	resp, err := c.stream(within, pathWatch)
	if err != nil {
		return c.watchError(within, err)
	}
	defer resp.Body.Close()
	err = readChanges(resp.Body, func() { lost.Reset(silence) }, ready, changed)
	return c.watchError(within, err)
}

// readChanges reads a stream of changes to its end, which is an error. It calls heard for every line.
func readChanges(body io.Reader, heard, ready func(), changed func(Change)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		heard()
		if strings.TrimSpace(lines.Text()) == ": ready" {
			ready()
			continue
		}
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var change Change
		if err := json.Unmarshal([]byte(data), &change); err != nil {
			return &app.Error{Code: app.Internal, Reason: "answer", Message: "the service's answer is not understood; is it of another version?", Err: err}
		}
		changed(change)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

var errSilent = errors.New("nothing was heard of the service")

func (c *Client) watchError(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*app.Error](err); ok {
		return err
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		err = fmt.Errorf("%w: %w", errSilent, io.ErrUnexpectedEOF)
	}
	return c.transportError(err)
}
