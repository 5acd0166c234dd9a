package gui

import (
	"context"
	"errors"
	"io"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// Client is what the desktop program asks the service for. localapi.Client is one.
type Client interface {
	Version(ctx context.Context) (localapi.Version, error)
	Watch(ctx context.Context, ready func(), changed func(localapi.Change)) error

	homeClient
	companyClient
	connectorClient
	userClient
	mailClient
	settingsClient
	addressClient
	backupClient
	checkupClient
	logClient
}

var _ Client = (*localapi.Client)(nil)

type homeClient interface {
	Stats(ctx context.Context, days int, offset time.Duration) (localapi.Stats, error)
	Attention(ctx context.Context) ([]localapi.Notice, error)
}

type companyClient interface {
	CompanyPage(ctx context.Context, f localapi.CompanyFilter, after string, limit int) (localapi.Page[localapi.CompanySummary], error)
	Company(ctx context.Context, name string) (localapi.Company, error)
	AddCompany(ctx context.Context, name, entries string) (localapi.Company, error)
	SaveCompany(ctx context.Context, name string, save localapi.CompanySave) (localapi.CompanySaved, error)
	RemoveCompany(ctx context.Context, name string) error
	Allow(ctx context.Context, name, entries string, move bool) (localapi.Company, error)
	CheckList(ctx context.Context, draft localapi.ListDraft) (localapi.ListCheck, error)
	TestAddress(ctx context.Context, address string) (localapi.AllowTest, error)
}

type connectorClient interface {
	Connectors(ctx context.Context) ([]localapi.Connector, error)
	Connector(ctx context.Context, name string) (localapi.Connector, error)
	AddConnector(ctx context.Context, kind, name string, keys map[string]string) (localapi.Connector, error)
	SetConnector(ctx context.Context, name string, changes map[string]string) (localapi.Connector, error)
	RemoveConnector(ctx context.Context, name string) error
	TestConnector(ctx context.Context, name string) (localapi.Trial, error)
}

type userClient interface {
	AccountPage(ctx context.Context, f localapi.AccountFilter, after string, limit int) (localapi.Page[localapi.Account], error)
	Account(ctx context.Context, email string) (localapi.AccountDetail, error)
	AccountSessions(ctx context.Context, email string) ([]localapi.AccountSession, error)
	EndSessions(ctx context.Context, email string) (int, error)
	EnableAccount(ctx context.Context, email string, on bool) (localapi.Account, error)
	MoveAccount(ctx context.Context, email, company string) (localapi.Account, error)
	RemoveAccount(ctx context.Context, email string) error
	RemoveIdentity(ctx context.Context, email, id string) (localapi.Account, error)
	SendReset(ctx context.Context, email string) error
	RegistrationPage(ctx context.Context, after string, limit int) (localapi.Page[localapi.Registration], error)
	Resend(ctx context.Context, email string) (localapi.Registration, error)
	RemoveRegistration(ctx context.Context, email string) error
}

type mailClient interface {
	MessagePage(ctx context.Context, f localapi.MessageFilter, after string, limit int) (localapi.Page[localapi.Message], error)
	Message(ctx context.Context, id string) (localapi.MessageDetail, error)
	RetryMessage(ctx context.Context, id string) (localapi.Message, error)
	HoldMessage(ctx context.Context, id string) (localapi.Message, error)
	ReleaseMessage(ctx context.Context, id string) (localapi.Message, error)
	HoldMessages(ctx context.Context) (int, error)
	ReleaseMessages(ctx context.Context) (int, error)
	RemoveMessage(ctx context.Context, id string) error
	TestMail(ctx context.Context, address, lang string) (localapi.Message, error)
	MailStatus(ctx context.Context) (localapi.MailStatus, error)
	MailDNS(ctx context.Context) ([]localapi.DNSRecord, error)
	Suppressed(ctx context.Context) ([]localapi.Suppressed, error)
	Unsuppress(ctx context.Context, address string) error
	Blocked(ctx context.Context) ([]localapi.Blocked, error)
	Unblock(ctx context.Context, address string) error
	TLSHosts(ctx context.Context) ([]localapi.TLSHost, error)
	ForgetTLS(ctx context.Context, host string) error
	Programs(ctx context.Context) ([]localapi.Program, error)
	AddProgram(ctx context.Context, name string, keys map[string]string) (localapi.NewProgram, error)
	SetProgram(ctx context.Context, name string, changes map[string]string) (localapi.Program, error)
	NewProgramPassword(ctx context.Context, name string) (localapi.NewProgram, error)
	RemoveProgram(ctx context.Context, name string) error
	MailListener(ctx context.Context) ([]localapi.ListenState, error)
}

type settingsClient interface {
	Settings(ctx context.Context) (localapi.Settings, error)
	SetSettings(ctx context.Context, changes map[string]string) (localapi.Settings, error)
	TestPublicURL(ctx context.Context, address string) (localapi.Trial, error)
}

// addressClient knows and changes where the pages are served, and with which certificate.
type addressClient interface {
	Address(ctx context.Context) (localapi.Address, error)
	ChangeAddress(ctx context.Context, changes map[string]string, within time.Duration) (localapi.Address, error)
	KeepAddress(ctx context.Context) (localapi.Address, error)
	RevertAddress(ctx context.Context) (localapi.Address, error)
}

type backupClient interface {
	Backups(ctx context.Context) (localapi.Backups, error)
	StartBackup(ctx context.Context, o localapi.BackupOptions) (localapi.Job, error)
	StartVerify(ctx context.Context, name, secret string) (localapi.Job, error)
	CopyBackup(ctx context.Context, name string, w io.Writer, progress func(done, total int64)) error
	RemoveBackup(ctx context.Context, name string) error
}

// checkupClient looks at everything that must be right, and at how far jobs are.
type checkupClient interface {
	StartCheckup(ctx context.Context) (localapi.Job, error)
	LastCheckup(ctx context.Context) (localapi.Checkup, error)
	Jobs(ctx context.Context) ([]localapi.Job, error)
	Job(ctx context.Context, id string) (localapi.Job, error)
}

type logClient interface {
	EventPage(ctx context.Context, f localapi.EventFilter, after string, limit int) (localapi.Page[localapi.Event], error)
}

// appError returns the app.Error in err's chain, or nil.
func appError(err error) *app.Error {
	e, _ := errors.AsType[*app.Error](err)
	return e
}

// isLost reports whether an error means that there is no service any more to talk to, or not one that may be talked to: it is
// a state of the window then, not a message of a view.
func isLost(err error) bool {
	switch app.ReasonOf(err) {
	case "service_unreachable", "service_starting", "version_mismatch", "not_permitted":
		return true
	default:
		return false
	}
}

// isCanceled reports whether a call was broken off by the program itself.
func isCanceled(err error) bool { return app.ReasonOf(err) == "canceled" }
