package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"foyer/app"
)

// The areas of a checkup, in the order in which they are told.
const (
	areaPublicURL   = "public_url"
	areaDNS         = "dns"
	areaCertificate = "certificate"
	areaClock       = "clock"
	areaRedirects   = "redirects"
	areaConnectors  = "connectors"
	areaMail        = "mail"
	areaPorts       = "ports"
	areaDisk        = "disk"
	areaPermissions = "permissions"
	areaBackups     = "backups"
	areaDatabase    = "database"
	areaConfig      = "configuration"
)

// CheckAreas returns the areas of a checkup in the order in which they are told.
func CheckAreas() []string {
	return []string{
		areaPublicURL, areaDNS, areaCertificate, areaClock, areaRedirects, areaConnectors, areaMail, areaPorts, areaDisk, areaPermissions, areaBackups, areaDatabase,
		areaConfig, "service",
	}
}

// Bounds of a checkup.
const (
	checkTime    = 10 * time.Second // of each inspection
	checksAtOnce = 4
)

// inspection looks at something and returns what it has found. It returns when its context ends. Its area is what the progress
// of the job names; what it finds may be of others.
type inspection struct {
	area string
	look func(ctx context.Context) []app.Check
}

// inspect does inspections, a few at a time, and returns what they have found, by area.
func inspect(ctx context.Context, inspections []inspection, progress app.Progress) []app.Check {
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		checks []app.Check
		done   int64
		free   = make(chan struct{}, checksAtOnce)
	)
	for _, in := range inspections {
		free <- struct{}{}
		mu.Lock()
		progress(in.area, done, int64(len(inspections)))
		mu.Unlock()
		group.Go(func() {
			defer func() { <-free }()
			limited, cancel := context.WithTimeout(ctx, checkTime)
			defer cancel()
			begin := time.Now()
			found := in.look(limited)
			took := time.Since(begin)
			mu.Lock()
			defer mu.Unlock()
			for _, c := range found {
				c.Area, c.Took = cmp.Or(c.Area, in.area), cmp.Or(c.Took, took)
				checks = append(checks, c)
			}
			done++
			progress(in.area, done, int64(len(inspections)))
		})
	}
	group.Wait()
	sortChecks(checks)
	return checks
}

// sortChecks puts checks in the order of the areas; within one, what has failed comes first.
func sortChecks(checks []app.Check) {
	areas := CheckAreas()
	states := []app.CheckState{app.CheckError, app.CheckWarning, app.CheckOK, app.CheckSkipped}
	slices.SortStableFunc(checks, func(a, b app.Check) int {
		return cmp.Or(cmp.Compare(slices.Index(areas, a.Area), slices.Index(areas, b.Area)), cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)),
			strings.Compare(a.Subject, b.Subject))
	})
}

// found returns a check.
func found(state app.CheckState, code, subject, text string, args ...string) app.Check {
	c := app.Check{Code: code, State: state, Subject: subject, Text: text}
	for i := 0; i+1 < len(args); i += 2 {
		if c.Args == nil {
			c.Args = map[string]string{}
		}
		c.Args[args[i]] = args[i+1]
	}
	return c
}

// of returns checks as of another area.
func of(area string, checks ...app.Check) []app.Check {
	for i := range checks {
		checks[i].Area = area
	}
	return checks
}

// checkups looks at everything that must be right, when asked and once a day. It implements localapi.CheckupBackend.
type checkups struct {
	jobs        *app.Jobs
	changes     *app.Changes
	daily       func() bool // whether to look once a day
	inspections func(ctx context.Context) []inspection

	mu   sync.Mutex
	last app.Checkup
}

// StartCheckup begins to look at everything. Conflict, "job_running", when that is under way.
func (c *checkups) StartCheckup(context.Context) (app.Job, error) {
	return c.jobs.Start(app.JobCheckup, func(ctx context.Context, progress app.Progress) (any, error) {
		checkup := app.Checkup{At: time.Now(), Checks: inspect(ctx, c.inspections(ctx), progress)}
		if err := ctx.Err(); err != nil {
			return nil, app.Errorf(app.Unavailable, "stopping", "the service is stopping")
		}
		c.mu.Lock()
		c.last = checkup
		c.mu.Unlock()
		c.changes.Tell(app.TopicAttention)
		return checkup, nil
	})
}

// LastCheckup returns what came of the last one.
func (c *checkups) LastCheckup() app.Checkup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// concerns returns what the last one has found broken.
func (c *checkups) concerns() []app.Concern {
	n := c.LastCheckup().Count(app.CheckError)
	if n == 0 {
		return nil
	}
	text := fmt.Sprintf("%d things were found broken when everything was looked at last; foyer doctor says what to do", n)
	if n == 1 {
		text = "one thing was found broken when everything was looked at last; foyer doctor says what to do"
	}
	return []app.Concern{{Code: "checkup_error", Error: true, Count: n, Text: text}}
}

// When everything is looked at by itself.
const (
	firstCheckup = 5 * time.Minute // after a start: what starts with the machine, as the network does, has come up by then
	nextCheckup  = 24 * time.Hour
)

// run looks at everything by itself until ctx is done.
func (c *checkups) run(ctx context.Context) {
	timer := time.NewTimer(firstCheckup)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			if c.daily() {
				_, _ = c.StartCheckup(ctx) // one that runs already, or a service that stops, is no fault
			}
			timer.Reset(nextCheckup)
		}
	}
}
