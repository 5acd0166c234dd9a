package localapi

import (
	"context"
	"io"
	"time"

	"foyer/app"
)

// CheckupBackend looks at everything that must be right.
type CheckupBackend interface {
	// StartCheckup begins a job whose result is an app.Checkup.
	StartCheckup(ctx context.Context) (app.Job, error)
	// LastCheckup returns what came of the last one; its At is zero when there was none since the start.
	LastCheckup() app.Checkup
}

// Check is one thing that was looked at.
type Check struct {
	Code    string            `json:"code"`    // stable name of what was found
	Area    string            `json:"area"`    // what was looked at, a stable name
	State   string            `json:"state"`   // "ok", "warning", "error" or "skipped"
	Subject string            `json:"subject"` // the connector, host, port or file it is about; "" for none
	Text    string            `json:"text"`    // what was found and what to do about it, sentences in English
	Args    map[string]string `json:"args"`    // values for sentences in another language
	TookMS  int64             `json:"took_ms"`
}

// Checkup is what came of looking at everything.
type Checkup struct {
	At       *time.Time `json:"at"` // null when nobody has looked since the start
	Checks   []Check    `json:"checks"`
	Errors   int        `json:"errors"`
	Warnings int        `json:"warnings"`
}

// StartCheckup begins to look at everything; the result of the job is a Checkup. Conflict, "job_running".
func (c *Client) StartCheckup(ctx context.Context) (Job, error) {
	return do[Job](ctx, c, "POST", pathCheckup, "", nil)
}

// LastCheckup returns what came of the last one since the start.
func (c *Client) LastCheckup(ctx context.Context) (Checkup, error) {
	return do[Checkup](ctx, c, "GET", pathCheckup, "", nil)
}

func (h *handler) checkupRoutes() []route {
	var routes []route
	if h.Jobs != nil {
		routes = append(routes, route{method: "GET", path: pathJobs, serve: h.jobs}, route{method: "GET", path: pathJob, serve: h.job})
	}
	if h.Checkups != nil {
		routes = append(routes, route{method: "POST", path: pathCheckup, serve: h.startCheckup}, route{method: "GET", path: pathCheckup, serve: h.lastCheckup})
	}
	if h.Metrics != nil {
		routes = append(routes, route{method: "GET", path: pathMetrics, serve: h.metrics})
	}
	return routes
}

func (h *handler) startCheckup(r *request) (any, error) {
	return job(h.Checkups.StartCheckup(r.Context()))
}

func (h *handler) lastCheckup(r *request) (any, error) {
	if _, err := r.query(); err != nil {
		return nil, err
	}
	return CheckupOf(h.Checkups.LastCheckup()), nil
}

// metrics answers with the figures of the service in the text format of Prometheus.
func (h *handler) metrics(r *request) (any, error) {
	mediaType, send, err := h.Metrics(r.Context())
	if err != nil {
		return nil, err
	}
	return stream{mediaType, func() error { return send(r.w) }}, nil
}

// Metrics writes the figures of the service to w, in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.stream(ctx, pathMetrics)
	if err != nil {
		return c.transportError(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return c.transportError(err)
	}
	return nil
}

// ServedFunc is told of an answer: the template of its route, the method, the status and how long it took.
type ServedFunc func(route, method string, status int, took time.Duration)

// MetricsFunc returns the media type of the service's figures, and what writes them.
type MetricsFunc func(ctx context.Context) (mediaType string, send func(w io.Writer) error, err error)

// CheckupOf returns a checkup as it travels.
func CheckupOf(c app.Checkup) Checkup {
	out := Checkup{At: timeOrNull(c.At), Checks: make([]Check, 0, len(c.Checks)), Errors: c.Count(app.CheckError), Warnings: c.Count(app.CheckWarning)}
	for _, check := range c.Checks {
		args := check.Args
		if args == nil {
			args = map[string]string{}
		}
		out.Checks = append(out.Checks, Check{
			Code: check.Code, Area: check.Area, State: string(check.State), Subject: check.Subject, Text: check.Text, Args: args, TookMS: check.Took.Milliseconds(),
		})
	}
	return out
}
