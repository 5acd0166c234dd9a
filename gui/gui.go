// Package gui is the desktop program: what the administrator of the office sees of the service, and does with it. It
// knows the admin API and nothing else of the service. It is the only room with Fyne, but for the driver, which only cmd
// may import: so all of it is tested without a display. Only cmd imports it.
package gui

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"foyer/app/localapi"
)

// Config is what the desktop program is made of.
type Config struct {
	Client  Client // of the service this program is for
	Host    Host   // what can be done about the service on this machine
	Version string // of this program
	Log     *slog.Logger
}

// Host is what the desktop program can do with this machine.
type Host interface {
	// Service tells whether the service is installed here, and whether it runs. It is quick and needs no rights.
	Service() ServiceState
	// Install installs this program as the service, or puts it in the place of the one that is installed, asking the person for the
	// right to, and returns when the service serves; the machine is as before otherwise. The error is about the field "listen" when
	// the service cannot listen there.
	Install(ctx context.Context, o InstallOptions) error
	// InstallCommand returns the line that does what Install does, to be typed into a terminal.
	InstallCommand(o InstallOptions) string
	// Control runs `foyer service VERB`, asking the person for the right to, and returns when it is done. The error says in a
	// sentence what went wrong.
	Control(ctx context.Context, verb string) error
	// Command returns the line that does what Control does, to be typed into a terminal; "" when there is none here.
	Command(verb string) string
	// Demo starts a demonstration and returns its client and what ends it.
	Demo(ctx context.Context) (Client, func(), error)
	// Tray tells whether the desktop has a place for programs that stay without a window.
	Tray() bool
	// Backups lists the backups that the service keeps without asking the service, which may not run; the person is asked for the
	// right to.
	Backups(ctx context.Context) ([]localapi.Backup, error)
	// Restore puts a backup in the place of the data: the service is stopped for it and runs again when Restore returns. The person
	// is asked for the right to. progress is told how far it is, from another goroutine. The error says in a sentence what went
	// wrong.
	Restore(ctx context.Context, r Restore, progress func(Progress)) error
	// VerifyFile looks whether a file is a backup, and what it holds; secret opens an encrypted one: a passphrase or an age
	// identity. It needs no service, and no rights but those to read the file.
	VerifyFile(ctx context.Context, path, secret string, progress func(Progress)) (localapi.BackupCheck, error)
	// Log returns the last lines of the service's log, or an error that says who may read it.
	Log(ctx context.Context, lines int) (string, error)
	// NewBackupKey makes a pair of keys of age: the text of an identity file, which opens backups, and the recipient, for which they
	// are encrypted.
	NewBackupKey() (identity, recipient string, err error)
}

// InstallOptions say how the service is installed.
type InstallOptions struct {
	Program string // that installs, and is installed if it is not yet; "" is this one
	Listen  string // HOST:PORT or :PORT of the pages; "" leaves it as it is, or is the usual one
}

// Restore says which backup is to be put in the place of the data.
type Restore struct {
	Backup   string // the name of one that the service keeps, or the path of a file
	Secret   string // passphrase of an encrypted one
	Identity string // path of the file with the age identity that opens it instead
}

// Progress is how far a work is.
type Progress struct {
	Step  string // what is being done, a stable name
	Done  int64  // how much of it is done
	Total int64  // of how much; 0 where that is not known
}

// ServiceState is what a machine's service manager knows of the service.
type ServiceState struct {
	Managed   bool // there is a service manager that Foyer can be installed with
	Installed bool
	Running   bool
	Failed    bool      // it has ended with an error, and is not tried again
	Reason    string    // why: FailedData, FailedConfig or "" for something else
	Detail    string    // the service's own last sentence, in English
	Packaged  bool      // a package of the system has brought it, and updates it
	Enabled   bool      // it starts with the machine
	Since     time.Time // since when it runs; zero when that is not known
	Program   string    // the file that is run
	Listen    string    // HOST:PORT of its pages over plain HTTP, "" when that is not known
	Version   string    // of the service that runs, "" when it does not say
}

// Why a service has failed.
const (
	FailedData   = "data"   // its data cannot be used
	FailedConfig = "config" // its configuration is not valid
)

// work is something that takes time. It runs beside the window and returns what shows its result, which is run in the
// window's own goroutine; nil shows nothing.
type work func(ctx context.Context) (show func())

// callTimeout bounds each work.
const callTimeout = 30 * time.Second

// Run opens the window and returns when it has been closed.
func Run(a fyne.App, c Config) error {
	if err := loadTexts(); err != nil {
		return err
	}
	applyTheme(a)
	b := newBackground(fyne.Do)
	defer b.stop()
	w := newWindow(a, c, b)
	defer func() { w.end() }() // however the program ends: a demonstration does not outlive it
	w.show()
	a.Run()
	return nil
}

// background runs works, each in a goroutine of its own, and is the only place of the program that starts any.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	post   func(func()) // hands a function to the window's goroutine
}

func newBackground(post func(func())) *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel, post: post}
}

// run starts a work that may take until callTimeout.
func (b *background) run(work work) { b.runFor(callTimeout, work) }

// runFor starts a work that may take until timeout; 0 is as long as the program runs.
func (b *background) runFor(timeout time.Duration, work work) {
	if b.ctx.Err() != nil {
		return
	}
	b.group.Go(func() {
		ctx, cancel := b.ctx, func() {}
		if timeout > 0 {
			ctx, cancel = context.WithTimeout(ctx, timeout)
		}
		defer cancel()
		show := work(ctx)
		if show != nil && b.ctx.Err() == nil {
			b.post(show)
		}
	})
}

// stop ends every work and waits for them.
func (b *background) stop() {
	b.cancel()
	b.group.Wait()
}
