package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The kinds of jobs. At most one of a kind runs at a time.
const (
	JobBackup  = "backup"
	JobVerify  = "verify"
	JobCheckup = "checkup"
)

// JobState says how far a job is.
type JobState string

// The states of a job.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobFailed  JobState = "failed"
)

// Job is work of the service that takes its time.
type Job struct {
	ID        int64
	Kind      string
	State     JobState
	Step      string // what is being done, a stable name
	Done      int64  // how much of the step is done
	Total     int64  // of how much; 0 where that is not known
	StartedAt time.Time
	EndedAt   time.Time // zero while it runs
	Result    any       // of one that is done
	Err       error     // of one that has failed
}

// Progress is told how far a job is: the step, and how much of it is done of how much, 0 where that is not known.
type Progress func(step string, done, total int64)

// keptJobs is how many jobs that have ended are remembered.
const keptJobs = 20

// progressEvery is how often a change of a job is told at most.
const progressEvery = 100 * time.Millisecond

// Jobs runs what takes its time beside everything else, and remembers how it went. It is safe for concurrent use.
type Jobs struct {
	changes *Changes
	ctx     context.Context
	cancel  context.CancelFunc
	group   sync.WaitGroup

	mu   sync.Mutex
	last int64
	jobs []*Job // the oldest first
	told time.Time
}

// NewJobs returns jobs whose progress is told under TopicJobs. They must be closed.
func NewJobs(changes *Changes) *Jobs {
	ctx, cancel := context.WithCancel(context.Background())
	return &Jobs{changes: changes, ctx: ctx, cancel: cancel}
}

// Start begins a job and returns it as it is then. The work's context ends when the service stops. Conflict, "job_running", when
// one of the kind runs; Unavailable, "stopping", when the service stops.
func (j *Jobs) Start(kind string, work func(ctx context.Context, progress Progress) (any, error)) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		return Job{}, Errorf(Unavailable, "stopping", "the service is stopping")
	}
	for _, other := range j.jobs {
		if other.Kind == kind && other.State == JobRunning {
			return Job{}, &Error{
				Code: Conflict, Reason: "job_running", Message: fmt.Sprintf("a %s is running already; wait until it has ended", kind), Args: map[string]string{"Kind": kind},
			}
		}
	}
	j.last++
	job := &Job{ID: j.last, Kind: kind, State: JobRunning, StartedAt: time.Now()}
	j.jobs = append(j.jobs, job)
	j.forget()
	j.group.Go(func() {
		result, err := work(j.ctx, func(step string, done, total int64) { j.progress(job, step, done, total) })
		j.end(job, result, err)
	})
	j.changes.Tell(TopicJobs)
	return *job, nil
}

// forget drops the oldest jobs that have ended. mu is held.
func (j *Jobs) forget() {
	ended := 0
	for _, job := range j.jobs {
		if job.State != JobRunning {
			ended++
		}
	}
	j.jobs = slices.DeleteFunc(j.jobs, func(job *Job) bool {
		if job.State == JobRunning || ended <= keptJobs {
			return false
		}
		ended--
		return true
	})
}

func (j *Jobs) progress(job *Job, step string, done, total int64) {
	j.mu.Lock()
	tell := job.Step != step || time.Since(j.told) > progressEvery
	job.Step, job.Done, job.Total = step, done, total
	if tell {
		j.told = time.Now()
	}
	j.mu.Unlock()
	if tell {
		j.changes.Tell(TopicJobs)
	}
}

func (j *Jobs) end(job *Job, result any, err error) {
	j.mu.Lock()
	job.State, job.Result, job.Err, job.EndedAt = JobDone, result, err, time.Now()
	if err != nil {
		job.State = JobFailed
	}
	j.mu.Unlock()
	j.changes.Tell(TopicJobs)
}

// Job returns a job as it is now. NotFound when there is none, or it has been forgotten.
func (j *Jobs) Job(id int64) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.jobs {
		if job.ID == id {
			return *job, nil
		}
	}
	return Job{}, Errorf(NotFound, "job_unknown", "there is no job %d", id)
}

// All returns the jobs that run and the last ones that have ended, the latest first.
func (j *Jobs) All() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]Job, 0, len(j.jobs))
	for _, job := range slices.Backward(j.jobs) {
		all = append(all, *job)
	}
	return all
}

// Close ends the jobs that run and waits for them. None can be started any more.
func (j *Jobs) Close() {
	j.mu.Lock()
	j.cancel()
	j.mu.Unlock()
	j.group.Wait()
}
