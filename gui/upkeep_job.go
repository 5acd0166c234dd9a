package gui

import (
	"context"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// jobWatch starts a job of the service and follows it to its end: that of one kind, of which one runs at a time.
type jobWatch struct {
	desk   *desk
	kind   string
	bar    *progressBar
	busy   func(bool)         // is told when a job begins and when none runs any more
	ended  func(localapi.Job) // is told the end of one, well or not
	failed func(error)        // is told why one could not be started or followed

	job     localapi.Job
	running bool
	waiting bool // poll is to come by itself
	asking  bool
	again   bool // it has changed while it was asked for
}

// jobEvery is how often a job is asked for that does not tell of itself.
const jobEvery = time.Second

// start has the service begin a job.
func (w *jobWatch) start(ask func(ctx context.Context) (localapi.Job, error)) {
	w.busy(true)
	w.bar.show(tr("upkeep.job."+w.kind), 0, 0)
	w.desk.run(func(ctx context.Context) func() {
		job, err := ask(ctx)
		return func() {
			switch {
			case err == nil:
				w.follow(job)
			case app.ReasonOf(err) == "job_running" && w.kind == localapi.JobCheckup: // what it finds is what is wanted
				w.look()
			default:
				w.end()
				w.failed(err)
			}
		}
	})
}

// look follows a job that runs already, whoever has begun it.
func (w *jobWatch) look() {
	if w.running {
		return
	}
	w.desk.run(func(ctx context.Context) func() {
		jobs, err := w.desk.client.Jobs(ctx)
		return func() {
			if err != nil || w.running {
				return // whoever shows more has said so
			}
			for _, job := range jobs {
				if job.Kind == w.kind && job.Running() {
					w.follow(job)
					return
				}
			}
		}
	})
}

// follow shows how far a job is, and asks again until it has ended.
func (w *jobWatch) follow(job localapi.Job) {
	w.job, w.running = job, true
	if !job.Running() {
		w.end()
		w.ended(job)
		return
	}
	w.busy(true)
	text := tr("upkeep.job." + w.kind)
	if job.Step != "" {
		text = stepText(job.Step)
	}
	w.bar.show(text, job.Done, job.Total)
	w.wait()
}

func (w *jobWatch) wait() {
	if w.waiting {
		return
	}
	w.waiting = true
	w.desk.later(jobEvery, func() {
		w.waiting = false
		w.poll()
	})
}

// poll asks how far the job is that is followed.
func (w *jobWatch) poll() {
	if !w.running {
		return
	}
	if w.asking {
		w.again = true
		return
	}
	w.asking = true
	id := w.job.ID
	w.desk.run(func(ctx context.Context) func() {
		job, err := w.desk.client.Job(ctx, id)
		return func() {
			again := w.again
			w.asking, w.again = false, false
			switch {
			case err == nil:
				w.follow(job)
			case isLost(err) || isCanceled(err): // it may go on all the same
				w.desk.lost(err)
				w.wait()
			default:
				w.end()
				w.failed(err)
			}
			if again {
				w.poll()
			}
		}
	})
}

func (w *jobWatch) end() {
	w.running = false
	w.bar.clear()
	w.busy(false)
}
