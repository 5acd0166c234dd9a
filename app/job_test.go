package app_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"foyer/app"
)

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes app.Changes
		watch := changes.Watch()
		defer watch.Close()
		jobs := app.NewJobs(&changes)
		defer jobs.Close()
		release := make(chan error)
		started, err := jobs.Start(app.JobBackup, func(_ context.Context, progress app.Progress) (any, error) {
			progress("copy", 1, 2)
			return "a file", <-release
		})
		if err != nil || started.State != app.JobRunning {
			t.Fatalf("started %+v, %v", started, err)
		}
		synctest.Wait()
		if got, err := jobs.Job(started.ID); err != nil || got.Step != "copy" || got.Done != 1 || got.Total != 2 {
			t.Errorf("a job that runs is %+v, %v", got, err)
		}
		if topics := watch.Take(); len(topics) != 1 || topics[0] != app.TopicJobs {
			t.Errorf("told %v, want jobs", topics)
		}
		if _, err := jobs.Start(app.JobBackup, nil); app.ReasonOf(err) != "job_running" {
			t.Errorf("a second backup: %v, want job_running", err)
		}
		other, err := jobs.Start(app.JobCheckup, func(context.Context, app.Progress) (any, error) { return nil, errors.New("no") })
		if err != nil {
			t.Fatal(err)
		}
		release <- nil
		synctest.Wait()
		if got, err := jobs.Job(started.ID); err != nil || got.State != app.JobDone || got.Result != "a file" || got.EndedAt.IsZero() {
			t.Errorf("a job that is done is %+v, %v", got, err)
		}
		if got, err := jobs.Job(other.ID); err != nil || got.State != app.JobFailed || got.Err == nil {
			t.Errorf("a job that failed is %+v, %v", got, err)
		}
		if all := jobs.All(); len(all) != 2 || all[0].ID != other.ID {
			t.Errorf("all jobs are %+v, want the latest first", all)
		}
		if _, err := jobs.Job(99); app.CodeOf(err) != app.NotFound {
			t.Errorf("a job that never was: %v", err)
		}
	})
}

func TestJobsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := app.NewJobs(&app.Changes{})
		defer jobs.Close()
		for range 30 {
			if _, err := jobs.Start(app.JobVerify, func(context.Context, app.Progress) (any, error) { return nil, nil }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := len(jobs.All()); got != 21 {
			t.Errorf("%d jobs are remembered, want 20 and the last", got)
		}
	})
}

func TestJobsEndWithTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := app.NewJobs(&app.Changes{})
		job, err := jobs.Start(app.JobBackup, func(ctx context.Context, _ app.Progress) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		jobs.Close()
		if got, err := jobs.Job(job.ID); err != nil || got.State != app.JobFailed {
			t.Errorf("after the end the job is %+v, %v", got, err)
		}
		if _, err := jobs.Start(app.JobBackup, nil); app.ReasonOf(err) != "stopping" {
			t.Errorf("a job after the end: %v, want stopping", err)
		}
	})
}
