package localapi

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"foyer/app"
)

// The kinds of jobs.
const (
	JobBackup  = app.JobBackup
	JobVerify  = app.JobVerify
	JobCheckup = app.JobCheckup
)

// The states of a job.
const (
	JobRunning = string(app.JobRunning)
	JobDone    = string(app.JobDone)
	JobFailed  = string(app.JobFailed)
)

// Job is work of the service that takes its time.
type Job struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"` // "backup", "verify" or "checkup"
	State     string          `json:"state"`
	Step      string          `json:"step"`  // what is being done, a stable name
	Done      int64           `json:"done"`  // how much of the step is done
	Total     int64           `json:"total"` // of how much; 0 where that is not known
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at"`         // null while it runs
	Result    json.RawMessage `json:"result,omitempty"` // of one that is done; what it is goes by the kind
	Error     *JobError       `json:"error,omitempty"`  // of one that has failed
}

// JobError is why a job has failed.
type JobError struct {
	Code    app.Code          `json:"code"`
	Reason  string            `json:"reason"`
	Message string            `json:"message"`
	Args    map[string]string `json:"args"`
}

// Err returns why the job has failed as an *app.Error, or nil.
func (j Job) Err() error {
	if j.Error == nil {
		return nil
	}
	return &app.Error{Code: j.Error.Code, Reason: j.Error.Reason, Message: j.Error.Message, Args: j.Error.Args}
}

// Running reports whether the job has not ended yet.
func (j Job) Running() bool { return j.State == JobRunning }

// ResultOf returns what a job that has ended has brought, or the error with which it has failed.
func ResultOf[T any](j Job) (T, error) {
	var out T
	if err := j.Err(); err != nil {
		return out, err
	}
	if err := json.Unmarshal(j.Result, &out); err != nil {
		return out, &app.Error{Code: app.Internal, Reason: "answer", Message: "the service's answer is not understood; is it of another version?", Err: err}
	}
	return out, nil
}

// Jobs returns the jobs that run and the last ones that have ended, the latest first.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	page, err := getPage[Job](ctx, c, pathJobs, nil, "", 0)
	return page.Items, err
}

// Job returns a job as it is now. NotFound when it has been forgotten.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	return do[Job](ctx, c, "GET", pathJob, id, nil)
}

// awaitEvery is how often Await asks.
const awaitEvery = 200 * time.Millisecond

// Await returns a job when it has ended; progress, when not nil, is called with it until then. The error is that of asking: that of
// the job is in the job.
func (c *Client) Await(ctx context.Context, job Job, progress func(Job)) (Job, error) {
	for job.Running() {
		if progress != nil {
			progress(job)
		}
		if !rest(ctx, awaitEvery) {
			return job, c.transportError(ctx.Err())
		}
		next, err := c.Job(ctx, job.ID)
		if err != nil {
			return job, err
		}
		job = next
	}
	return job, nil
}

func (h *handler) jobs(r *request) (any, error) {
	if _, err := r.query(); err != nil {
		return nil, err
	}
	jobs := h.Jobs.All()
	out := Page[Job]{Items: make([]Job, 0, len(jobs))}
	for _, j := range jobs {
		job, err := jobOf(j)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, job)
	}
	return out, nil
}

func (h *handler) job(r *request) (any, error) {
	id, err := parseID(r.PathValue("id"), "id")
	if err != nil {
		return nil, app.Errorf(app.NotFound, "job_unknown", "there is no job %q", r.PathValue("id"))
	}
	return job(h.Jobs.Job(id))
}

// job is what calls that start a job, or ask for one, answer.
func job(j app.Job, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return jobOf(j)
}

func jobOf(j app.Job) (Job, error) {
	out := Job{
		ID: strconv.FormatInt(j.ID, 10), Kind: j.Kind, State: string(j.State), Step: j.Step, Done: j.Done, Total: j.Total,
		StartedAt: j.StartedAt.UTC(), EndedAt: timeOrNull(j.EndedAt),
	}
	if j.Err != nil {
		_, body := encodeError(j.Err)
		out.Error = &JobError{Code: body.Error.Code, Reason: body.Error.Reason, Message: body.Error.Message, Args: body.Error.Args}
	}
	if j.State == app.JobDone {
		result, err := json.Marshal(resultOf(j.Result))
		if err != nil {
			return Job{}, &app.Error{Code: app.Internal, Reason: "encode", Err: err}
		}
		out.Result = result
	}
	return out, nil
}

// resultOf returns what a job has brought as it travels.
func resultOf(result any) any {
	switch r := result.(type) {
	case app.Backup:
		return backupOf(r)
	case app.BackupCheck:
		return backupCheckOf(r)
	case app.Checkup:
		return CheckupOf(r)
	default:
		return r
	}
}
