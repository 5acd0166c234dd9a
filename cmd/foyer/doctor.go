package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

func (p *program) doctorCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything that must be right, and say what to do",
		Long: `Look at everything that must be right: the address of the pages, the DNS, the certificate,
the clock, the providers, the way out of mail, ports, disk, permissions, backups, the
database, and the service itself. It changes nothing and sends no mail. Below what is wrong
stands what to do about it.

While the service does not run, what can be seen without it is looked at. The exit status
is 0 when nothing is broken (warnings are allowed), else 1.`,
		Example: "  foyer doctor\n  foyer doctor --json",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd.Context(), config) },
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration `FILE` of the service; default /etc/foyer/foyer.toml, if it exists")
	return cmd
}

func (p *program) doctor(ctx context.Context, config string) error {
	checkup, err := p.liveCheckup(ctx)
	running := app.ReasonOf(err) != "service_unreachable"
	if running && err != nil {
		return err
	}
	if !running {
		checkup = p.offlineCheckup(ctx, config, err)
	}
	checkup.Checks = append(checkup.Checks, p.serviceChecks(ctx, running)...)
	sortByArea(checkup.Checks)
	checkup.Errors, checkup.Warnings = countState(checkup.Checks, app.CheckError), countState(checkup.Checks, app.CheckWarning)
	if p.json {
		err = p.printJSON(checkup)
	} else {
		err = p.printCheckup(checkup)
	}
	if err == nil && checkup.Errors > 0 {
		err = quietExit(exitFailed)
	}
	return err
}

// liveCheckup lets the service look. One that looks already is waited for.
func (p *program) liveCheckup(ctx context.Context) (localapi.Checkup, error) {
	job, err := p.client.StartCheckup(ctx)
	if app.ReasonOf(err) == "job_running" {
		job, err = p.runningCheckup(ctx)
	}
	if err != nil {
		return localapi.Checkup{}, err
	}
	var line terminalLine
	job, err = p.client.Await(ctx, job, func(j localapi.Job) {
		if !p.json {
			line.show(p, safe(fmt.Sprintf("looking at %s, %d of %d", areaName(j.Step), j.Done, j.Total)))
		}
	})
	line.wipe(p)
	if err != nil {
		return localapi.Checkup{}, err
	}
	return localapi.ResultOf[localapi.Checkup](job)
}

func (p *program) runningCheckup(ctx context.Context) (localapi.Job, error) {
	jobs, err := p.client.Jobs(ctx)
	if err != nil {
		return localapi.Job{}, err
	}
	for _, j := range jobs {
		if j.Kind == localapi.JobCheckup {
			return j, nil
		}
	}
	return localapi.Job{}, app.Errorf(app.Conflict, "job_running", "somebody else has just had everything looked at; try again")
}

// offlineCheckup looks at what can be seen without the service.
func (p *program) offlineCheckup(ctx context.Context, path string, why error) localapi.Checkup {
	config, err := server.LoadConfig(path)
	if p.data != "" {
		config.DataDir = p.data
	}
	now := time.Now().UTC()
	// Its first half says why; what it advises is for all commands, and here is better advice.
	reason, _, _ := strings.Cut(app.MessageOf(why), ": ")
	checks := []app.Check{{
		Code: "service_unreachable", Area: areaService, State: app.CheckError,
		Text: reason + ", so only what can be seen without it was looked at; " + startHint(p.data),
	}}
	if p.data == "" || path != "" {
		checks = append(checks, server.ConfigCheck(path, err))
	}
	checks = append(checks, server.InspectOffline(ctx, config)...)
	return localapi.CheckupOf(app.Checkup{At: now, Checks: checks})
}

func startHint(data string) string {
	if data != "" {
		return "start it with: foyer serve --data " + shellWord(data)
	}
	return "start it with: " + app.AsRoot("foyer service start")
}

const areaService = "service"

// serviceChecks looks at the installed service, when that is the one that is asked.
func (p *program) serviceChecks(ctx context.Context, answers bool) []localapi.Check {
	manager := p.manager
	if manager == nil {
		manager = newServiceManager()
	}
	check := func(state app.CheckState, code, subject, text string) []localapi.Check {
		return localapi.CheckupOf(app.Checkup{Checks: []app.Check{{Code: code, Area: areaService, State: state, Subject: subject, Text: text}}}).Checks
	}
	if p.data != "" || p.socket != "" {
		return check(app.CheckSkipped, "service_other", "", "the installed service is not looked at: another one is named by --data or --socket")
	}
	if err := manager.usable(); err != nil {
		return check(app.CheckSkipped, "service_unmanaged", "", app.MessageOf(err))
	}
	st, err := manager.status(ctx)
	switch {
	case err != nil:
		return check(app.CheckSkipped, "service_unknown", "", "the service manager does not say how the service is: "+errorLine(err))
	case !st.Installed && answers:
		return check(app.CheckWarning, "service_not_installed", "", "Foyer runs, but not as a service of this machine, so it does not start with it; install it with: "+app.AsRoot("foyer service install"))
	case !st.Installed:
		return check(app.CheckError, "service_not_installed", "", "Foyer is not installed as a service; install it with: "+app.AsRoot("foyer service install"))
	case !st.Running:
		text := "the service is " + st.State + "; " + startHint("")
		if st.Detail != "" {
			text = "the service is " + st.State + " (" + st.Detail + "); " + startHint("")
		}
		return check(app.CheckError, "service_stopped", st.Unit, text)
	}
	var checks []localapi.Check
	if !st.Enabled {
		checks = append(checks, check(app.CheckWarning, "service_disabled", st.Unit, "the service does not start with the machine; let it with: "+app.AsRoot(enableService))...)
	}
	if st.Outdated {
		checks = append(checks, check(app.CheckWarning, "service_unit_old", st.Unit, "the unit is not the one that this version writes; write it anew with: "+app.AsRoot("foyer service install"))...)
	}
	if st.Version != "" && st.Version != version() {
		checks = append(checks, check(app.CheckWarning, "service_version", st.Program,
			fmt.Sprintf("the service is version %s and this program is %s; update with: %s", st.Version, version(), app.AsRoot("foyer service install")))...)
	}
	if len(checks) == 0 {
		checks = check(app.CheckOK, "service_ok", st.Unit, "the service runs and starts with the machine"+operatorWords())
	}
	return checks
}

// operatorWords returns who may administer besides root, as far as the configuration file names them.
func operatorWords() string {
	config, err := server.LoadConfig("")
	if err != nil || len(config.Operators) == 0 {
		return "; root and the members of the group foyer may administer it"
	}
	return "; root, the members of the group foyer and " + strings.Join(config.Operators, ", ") + " may administer it"
}

func countState(checks []localapi.Check, state app.CheckState) int {
	n := 0
	for _, c := range checks {
		if c.State == string(state) {
			n++
		}
	}
	return n
}

func sortByArea(checks []localapi.Check) {
	areas := server.CheckAreas()
	slices.SortStableFunc(checks, func(a, b localapi.Check) int { return slices.Index(areas, a.Area) - slices.Index(areas, b.Area) })
}

// areaName returns an area as people read it.
func areaName(area string) string {
	switch area {
	case "public_url":
		return "the public URL"
	case "dns":
		return "the DNS"
	case "redirects":
		return "the redirect URIs"
	case "":
		return "everything"
	default:
		return "the " + area
	}
}

// printCheckup prints what was found, area by area. What is to be done stands below what is wrong.
func (p *program) printCheckup(c localapi.Checkup) error {
	area := ""
	for _, check := range c.Checks {
		if check.Area != area {
			area = check.Area
			name := strings.TrimPrefix(areaName(area), "the ")
			if err := p.say("%s", strings.ToUpper(name[:1])+name[1:]); err != nil {
				return err
			}
		}
		what, todo := check.Text, ""
		if check.State == string(app.CheckError) || check.State == string(app.CheckWarning) {
			what, todo, _ = strings.Cut(check.Text, "; ")
		}
		if check.Subject != "" && !strings.Contains(what, check.Subject) {
			what = check.Subject + ": " + what
		}
		if err := p.say("  %-9s"+"%s", check.State, what); err != nil {
			return err
		}
		if todo != "" {
			if err := p.say("           -> %s", todo); err != nil {
				return err
			}
		}
	}
	switch {
	case c.Errors > 0:
		return p.say("\n%s, %s.", count(c.Errors, "error", "errors"), count(c.Warnings, "warning", "warnings"))
	case c.Warnings > 0:
		return p.say("\nNothing is broken, %s.", count(c.Warnings, "warning", "warnings"))
	default:
		return p.say("\nAll is well.")
	}
}
