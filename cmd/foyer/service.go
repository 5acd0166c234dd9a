package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// serviceName is what the service is called by the system.
const serviceName = "foyer"

// serviceManager is what Foyer asks of the system's service manager. What changes something needs the rights of root.
type serviceManager interface {
	// usable returns nil, or an Unavailable app.Error that says why no service can be managed on this machine.
	usable() error
	// status returns how the service is. It needs no rights.
	status(ctx context.Context) (serviceStatus, error)
	// install makes this program the service, or takes the place of an older one. When it returns an error, the machine is
	// as it was.
	install(ctx context.Context, want installation) (installResult, error)
	// uninstall ends the service and takes it from the machine, but for its data.
	uninstall(ctx context.Context) ([]string, error)
	// purge deletes the data of a service that is not installed any more, and the configuration file.
	purge(ctx context.Context) ([]string, error)
	start(ctx context.Context) error
	stop(ctx context.Context) error
	restart(ctx context.Context) error
}

// The states of a service.
const (
	stateRunning      = "running"
	stateStarting     = "starting"
	stateRestarting   = "restarting"
	stateStopped      = "stopped"
	stateFailed       = "failed"
	stateNotInstalled = "not installed"
)

// Why a service has failed.
const (
	reasonData   = "data"   // its data cannot be used
	reasonConfig = "config" // its configuration is not valid
)

// failureReason returns the reason of the status that serve has ended with.
func failureReason(status int) string {
	switch status {
	case exitData:
		return reasonData
	case exitInvalid:
		return reasonConfig
	default:
		return ""
	}
}

// serviceStatus is how the service is, as foyer service status prints it.
type serviceStatus struct {
	State     string     `json:"state"`
	Installed bool       `json:"installed"`
	Running   bool       `json:"running"`
	Enabled   bool       `json:"enabled"`           // it starts with the machine
	Since     *time.Time `json:"since"`             // since when it runs
	Address   string     `json:"address,omitempty"` // to open in a browser
	Listen    string     `json:"listen,omitempty"`  // HOST:PORT of the pages over plain HTTP, by the configuration
	Version   string     `json:"version,omitempty"` // of the running service
	Data      string     `json:"data"`
	Program   string     `json:"program,omitempty"` // the file that is run
	Unit      string     `json:"unit,omitempty"`
	PID       int        `json:"pid,omitempty"`
	Outdated  bool       `json:"outdated,omitempty"` // the unit is not the one that this program writes
	Detail    string     `json:"detail,omitempty"`   // why it does not run
	Reason    string     `json:"reason,omitempty"`   // reasonData, reasonConfig or "" for another one
	Packaged  bool       `json:"packaged,omitempty"` // a package of the system has brought it
}

// installation is what is asked for.
type installation struct {
	listen    string
	publicURL string
	operators []string
	noStart   bool
}

// installResult is what came of it, as foyer service install prints it.
type installResult struct {
	serviceStatus

	Changed   bool     `json:"changed"`   // false: everything was so already
	Config    string   `json:"config"`    // the configuration file
	Written   bool     `json:"written"`   // the configuration file was written
	Operators []string `json:"operators"` // who may administer it now, besides root
	Joined    []string `json:"joined"`    // who was added to the group, and has to sign in anew
}

// quietExit ends the program with a status and without a word: what there is to say has been printed.
type quietExit int

func (e quietExit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// services is the family of commands about the installed service.
type services struct {
	p       *program
	manager serviceManager
	root    func() bool // this process may change services
	sudo    string      // what goes before a command so that it may
}

// services returns the commands about the service of this machine.
func (p *program) services() *services {
	manager := p.manager
	if manager == nil {
		manager = newServiceManager()
	}
	s := &services{p: p, manager: manager, root: p.privileged, sudo: app.Sudo}
	if s.root == nil {
		s.root = privileged
	}
	return s
}

func (p *program) serviceCommand() *cobra.Command {
	s := p.services()
	return group("service", "The service of this machine: install, start, stop, remove it",
		`The service that starts with the machine and is looked after by the system's service
manager (systemd on Linux). These commands change the machine, so they need root.

Exit status of status: 0 it runs, 3 it does not, 4 it is not installed.`,
		"  sudo foyer service install\n  foyer service status",
		s.install(), s.uninstall(),
		s.control("start", "Start the service and wait until it serves", serviceManager.start),
		s.control("stop", "Stop the service; it starts again with the machine", serviceManager.stop),
		s.control("restart", "Stop and start the service and wait until it serves", serviceManager.restart),
		s.status(), s.unit())
}

// mayChange returns nil when the command may go on. The machine comes first: no right helps where there is no manager.
func (s *services) mayChange(cmd *cobra.Command, args []string) error {
	if err := s.check(cmd); err != nil {
		return err
	}
	if s.root() {
		return nil
	}
	words := []string{s.sudo + startedAs() + strings.TrimPrefix(cmd.CommandPath(), "foyer")}
	for _, arg := range args {
		if strings.Trim(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:") != "" {
			arg = shellWord(arg)
		}
		words = append(words, arg)
	}
	return app.Errorf(app.Denied, "root_needed", "this changes the machine and needs %s: %s", app.Rights, strings.Join(words, " "))
}

// check refuses what would name another service than the installed one.
func (s *services) check(cmd *cobra.Command) error {
	for _, name := range []string{"data", "socket"} {
		if cmd.Flags().Changed(name) {
			return usage(cmd, `--%s is not for the installed service: write %s = "..." into %s before it is installed`, name, name, server.DefaultConfigFile)
		}
	}
	return s.manager.usable()
}

func (s *services) install() *cobra.Command {
	var want installation
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install this program as the service, or update the installed one",
		Long: `Install this program as a service that starts with the machine: it is copied to
/usr/local/bin/foyer, gets the system user foyer and the data directory /var/lib/foyer,
is started and has to answer. Before anything is changed, the address and the data
directory are checked. When the new service does not answer, the machine is put back as
it was, with the old program if there was one.

A second install updates: the program is replaced, the service restarted. Data stay as
they are. /etc/foyer/foyer.toml is written when it is missing, with what the flags say
and with the operator: the user who called sudo, who may administer Foyer without root
from then on. In one that is there, --listen and --public-url change their own line.`,
		Example: `  sudo foyer service install
  sudo foyer service install --listen :80 --public-url http://accounts.office.example`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			want.operators = s.p.operators(want.operators)
			if err := s.mayChange(cmd, installArgs(want)); err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context()) // what is half done is taken back
			defer stop()
			got, err := s.manager.install(ctx, want)
			if err != nil {
				return err
			}
			if s.p.json {
				return s.p.printJSON(got)
			}
			return s.p.printInstalled(got)
		},
	}
	cmd.Flags().StringVar(&want.listen, "listen", "", "`ADDRESS` of the pages, HOST:PORT or :PORT; default :8080")
	cmd.Flags().StringVar(&want.publicURL, "public-url", "", "`URL` by which browsers reach the pages, as in https://accounts.office.example")
	cmd.Flags().StringSliceVar(&want.operators, "operator", nil, "user `NAME` who may administer Foyer without root; default: who called sudo")
	cmd.Flags().BoolVar(&want.noStart, "no-start", false, "install it, and let it start with the machine only")
	return cmd
}

// installArgs returns the flags of install that say what is wanted.
func installArgs(want installation) []string {
	var args []string
	if want.listen != "" {
		args = append(args, "--listen", want.listen)
	}
	if want.publicURL != "" {
		args = append(args, "--public-url", want.publicURL)
	}
	for _, name := range want.operators {
		args = append(args, "--operator", name)
	}
	if want.noStart {
		args = append(args, "--no-start")
	}
	return args
}

// operators returns who is to administer: who was named, or else who called sudo or answered the desktop's question.
func (p *program) operators(named []string) []string {
	if len(named) > 0 {
		return named
	}
	for _, variable := range []string{"SUDO_UID", "PKEXEC_UID"} {
		if uid := p.getenv(variable); uid != "" && uid != "0" {
			return []string{uid}
		}
	}
	return nil
}

func (p *program) printInstalled(got installResult) error {
	head := "Foyer " + version() + " is installed"
	switch {
	case !got.Changed:
		head = "Foyer " + version() + " is installed already; nothing was changed"
	case got.Running:
		head += " and runs"
	}
	if err := p.say("%s.\n", head); err != nil {
		return err
	}
	pairs := []string{"Address", got.Address, "Data", got.Data, "Program", got.Program}
	if got.Written {
		pairs = append(pairs, "Configuration", got.Config)
	}
	if len(got.Operators) > 0 {
		pairs = append(pairs, "Operators", strings.Join(got.Operators, " "))
	}
	if err := p.facts(pairs...); err != nil {
		return err
	}
	for _, name := range got.Joined {
		if err := p.say("\n%s is in the group foyer now and may administer Foyer after signing in anew.", name); err != nil {
			return err
		}
	}
	as := app.Sudo
	if len(got.Operators) > 0 {
		as = ""
	}
	next := `
Next, %[1]s
  %[2]sfoyer company add "Example Ltd" example.com
  %[2]sfoyer settings set login_link=on
  %[2]sfoyer settings set mail.transport=smarthost ...   until then mail is kept, not sent`
	if !got.Running {
		return p.say(next, "start it with "+app.AsRoot("foyer service start")+", and say who may come in:", as)
	}
	return p.say(next, "say who may come in, or open the desktop program with foyer gui:", as)
}

func (s *services) control(verb, short string, do func(serviceManager, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:     verb,
		Short:   short,
		Example: "  sudo foyer service " + verb,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.mayChange(cmd, nil); err != nil {
				return err
			}
			if st, err := s.manager.status(cmd.Context()); err != nil {
				return err
			} else if !st.Installed {
				return errNotInstalled()
			}
			if err := do(s.manager, cmd.Context()); err != nil {
				return err
			}
			st, err := s.manager.status(cmd.Context())
			if err != nil {
				return err
			}
			if st.Running {
				return s.p.done(st, "the service runs at %s", st.Address)
			}
			return s.p.done(st, "the service is %s", st.State)
		},
	}
}

func (s *services) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether the service is installed and runs",
		Long: `Show whether the service is installed and runs, since when, and where. It needs no root.

Exit status: 0 it runs, 3 it is installed and does not run, 4 it is not installed.`,
		Example: "  foyer service status\n  foyer service status --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(cmd); err != nil {
				return err
			}
			st, err := s.manager.status(cmd.Context())
			if err != nil {
				return err
			}
			return errors.Join(s.p.printStatus(st), statusExit(st))
		},
	}
}

// statusExit returns the exit status of a state as an error, or nil for a service that runs.
func statusExit(st serviceStatus) error {
	switch {
	case st.Running:
		return nil
	case st.Installed:
		return quietExit(exitUnreachable)
	default:
		return quietExit(exitNotFound)
	}
}

func (p *program) printStatus(st serviceStatus) error {
	if p.json {
		return p.printJSON(st)
	}
	if !st.Installed {
		return p.say("the service is not installed; install it with: %s", app.AsRoot("foyer service install"))
	}
	state := st.State
	if st.Detail != "" {
		state += ": " + st.Detail
	}
	pairs := []string{"State", state}
	if st.Since != nil {
		pairs = append(pairs, "Since", at(*st.Since)+" UTC")
	}
	for _, pair := range [][2]string{{"Address", st.Address}, {"Version", st.Version}, {"Data", st.Data}, {"Program", st.Program}} {
		if pair[1] != "" {
			pairs = append(pairs, pair[0], pair[1])
		}
	}
	if !st.Enabled {
		pairs = append(pairs, "At boot", "it does not start with the machine")
	}
	return p.facts(pairs...)
}

// versionAt asks the service at a socket, "" for the usual one, what it is.
func versionAt(ctx context.Context, socket string) (localapi.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := &localapi.Client{Socket: socket}
	defer client.Close()
	return client.Version(ctx)
}

func errNotInstalled() error {
	return app.Errorf(app.NotFound, "service_not_installed", "the service is not installed; install it with: %s", app.AsRoot("foyer service install"))
}

// serviceState tells the desktop program how the service is. It needs no rights and takes milliseconds. Unavailable: on this machine
// no service can be managed.
func serviceState(ctx context.Context) (serviceStatus, error) {
	manager := newServiceManager()
	if err := manager.usable(); err != nil {
		return serviceStatus{}, err
	}
	return manager.status(ctx)
}
