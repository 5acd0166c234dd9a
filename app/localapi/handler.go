package localapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"foyer/app"
)

// Backend is what the admin API needs of the service. *app.Service is one.
type Backend interface {
	Companies(ctx context.Context) ([]app.Company, error)
	Company(ctx context.Context, name string) (app.Company, error)
	AddCompany(ctx context.Context, actor, name, entries string) (app.Company, error)
	RenameCompany(ctx context.Context, actor, name, to string) (app.Company, error)
	EnableCompany(ctx context.Context, actor, name string, on bool) (app.Company, error)
	RemoveCompany(ctx context.Context, actor, name string) error
	Allow(ctx context.Context, actor, name, entries string, move bool) (app.Company, error)
	Disallow(ctx context.Context, actor, name, entries string) (app.Company, int, error)
	SetTenants(ctx context.Context, actor, company, add, remove string) (app.Company, error)
	TestAddress(ctx context.Context, email string) (app.Address, app.Verdict, []app.Way, error)

	Connectors(ctx context.Context) ([]app.ConnectorState, error)
	Connector(ctx context.Context, name string) (app.ConnectorState, error)
	AddConnector(ctx context.Context, actor string, kind app.ConnectorKind, name string, changes map[string]string) (app.ConnectorState, error)
	SetConnector(ctx context.Context, actor, name string, changes map[string]string) (app.ConnectorState, error)
	RemoveConnector(ctx context.Context, actor, name string) error

	Programs(ctx context.Context) ([]app.Program, error)
	Program(ctx context.Context, name string) (app.Program, error)
	AddProgram(ctx context.Context, actor, name string, changes map[string]string) (app.Program, app.Token, error)
	SetProgram(ctx context.Context, actor, name string, changes map[string]string) (app.Program, error)
	NewProgramPassword(ctx context.Context, actor, name string) (app.Program, app.Token, error)
	RemoveProgram(ctx context.Context, actor, name string) error
	MailListener(ctx context.Context) ([]app.ListenState, error)

	Accounts(ctx context.Context, q app.AccountQuery) (app.AccountPage, error)
	Account(ctx context.Context, email string) (app.Account, error)
	SetAccountState(ctx context.Context, actor, email string, state app.AccountState) (app.Account, error)
	RemoveIdentity(ctx context.Context, actor, email string, id int64) (app.Account, error)
	RemoveAccount(ctx context.Context, actor, email string) error

	Registrations(ctx context.Context, after int64, limit int) ([]app.Registration, error)
	Resend(ctx context.Context, actor, email string) (app.Registration, error)
	RemoveRegistration(ctx context.Context, actor, email string) error

	Settings() app.Settings
	SetSettings(ctx context.Context, actor string, changes map[string]string) (app.Settings, error)

	Messages(ctx context.Context, q app.MessageQuery) ([]app.Message, error)
	Message(ctx context.Context, id int64) (app.Message, error)
	RetryMessage(ctx context.Context, actor string, id int64) (app.Message, error)
	RemoveMessage(ctx context.Context, actor string, id int64) error
	HoldMessage(ctx context.Context, actor string, id int64) (app.Message, error)
	HoldMessages(ctx context.Context, actor string) (int, error)
	ReleaseMessage(ctx context.Context, actor string, id int64) (app.Message, error)
	ReleaseMessages(ctx context.Context, actor string) (int, error)
	LastMessage(ctx context.Context, email string) (app.Message, error)
	TestMail(ctx context.Context, actor, email, lang string) (app.Message, error)
	MailDNS(ctx context.Context) ([]app.DNSRecord, error)
	MailStatus(ctx context.Context) (app.MailStatus, error)
	Suppressed(ctx context.Context) ([]app.Suppression, error)
	Unsuppress(ctx context.Context, actor, email string) error
	TLSHosts(ctx context.Context) ([]app.TLSHost, error)
	ForgetTLS(ctx context.Context, actor, host string) error
	Blocked(ctx context.Context) (map[string]time.Time, error)
	Unblock(ctx context.Context, actor, email string) error

	Events(ctx context.Context, q app.EventQuery) ([]app.Event, error)

	listBackend
	AccountSessions(ctx context.Context, email string) ([]app.Session, error)
	EndSessions(ctx context.Context, actor, email string) (int, error)
	MoveAccount(ctx context.Context, actor, email, company string) (app.Account, error)
	SendReset(ctx context.Context, actor, email string) (app.Message, error)

	Stats(ctx context.Context, days int, offset time.Duration) (app.Stats, error)
	Attention(ctx context.Context) ([]app.Concern, error)
	Watch() *app.Watch
}

var _ Backend = (*app.Service)(nil)

// HandlerConfig holds what a handler is made of.
type HandlerConfig struct {
	Backend   Backend
	Jobs      *app.Jobs      // nil is none
	Backups   BackupBackend  // nil keeps none
	Address   AddressBackend // nil cannot be changed
	Checkups  CheckupBackend // nil looks at nothing
	Metrics   MetricsFunc    // nil has no figures
	Served    ServedFunc     // is told of every answer; nil is nobody
	Version   string         // of the service
	SQLite    string         // version of the database library, or ""
	Operators []string       // operators by user name, uid or SID, besides root and the service's own user
	Group     string         // operators by membership; "" is "foyer"
	Log       *slog.Logger
}

// NewServer returns a server of the admin API, to be served on what Listen returned.
func NewServer(c HandlerConfig) *http.Server {
	stop := make(chan struct{})
	return newServer(newHandler(c, stop), stop, c.Log)
}

// newServer returns a server that closes stop when it is shut down.
func newServer(h http.Handler, stop chan<- struct{}, log *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:           h,
		ConnContext:       connContext,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(func() { close(stop) })
	return server
}

// NewHandler returns the admin API. Its requests must come through a server of NewServer: one whose peer is not
// known may ask for the version only.
func NewHandler(c HandlerConfig) http.Handler { return newHandler(c, nil) }

// newHandler is NewHandler, with what ends the answers that go on and on.
func newHandler(c HandlerConfig, stop <-chan struct{}) http.Handler {
	h := newHandlerOf(c, stop)
	return h.mux(h.routes(), noRoute)
}

func newHandlerOf(c HandlerConfig, stop <-chan struct{}) *handler {
	c.Group = cmp.Or(c.Group, "foyer")
	return &handler{HandlerConfig: c, own: ownPeer(), stop: stop, starting: func() *Starting { return nil }}
}

// mux answers routes, and every other path by other.
func (h *handler) mux(routes []route, other func(*request) (any, error)) http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, rt := range routes {
		mux.Handle(rt.method+" "+rt.path, h.adapt(rt))
		methods[rt.path] = append(methods[rt.path], rt.method)
	}
	for path, allowed := range methods {
		mux.Handle(path, h.adapt(route{path: path, serve: wrongMethod(allowed)}))
	}
	mux.Handle("/", h.adapt(route{path: "/", serve: other}))
	return mux
}

type handler struct {
	HandlerConfig
	own      Peer             // this process
	stop     <-chan struct{}  // closed when the service stops
	starting func() *Starting // how far the start is; nil when it is done
}

// route is one thing the API can do.
type route struct {
	method string
	path   string
	open   bool // everybody who can connect may ask
	serve  func(*request) (any, error)
}

// stream is an answer that is sent piece by piece.
type stream struct {
	mediaType string
	send      func() error
}

// request is one call, with who makes it.
type request struct {
	*http.Request
	w    http.ResponseWriter
	peer Peer
}

// actor returns the caller's name for the audit.
func (r *request) actor() string { return r.peer.String() }

func (h *handler) routes() []route {
	return slices.Concat(h.peopleRoutes(), h.mailRoutes(), h.listRoutes(), h.checkupRoutes(), h.backupRoutes(), h.addressRoutes())
}

func (h *handler) peopleRoutes() []route {
	return []route{
		{method: "GET", path: pathVersion, open: true, serve: h.version},

		{method: "GET", path: pathCompanies, serve: h.companies},
		{method: "POST", path: pathCompanies, serve: h.addCompany},
		{method: "GET", path: pathCompany, serve: h.company},
		{method: "DELETE", path: pathCompany, serve: h.removeCompany},
		{method: "POST", path: pathCompanyRename, serve: h.renameCompany},
		{method: "POST", path: pathCompanyEnable, serve: h.enableCompany(true)},
		{method: "POST", path: pathCompanyDisable, serve: h.enableCompany(false)},
		{method: "POST", path: pathAllow, serve: h.allow},
		{method: "POST", path: pathDisallow, serve: h.disallow},
		{method: "POST", path: pathTenants, serve: h.setTenants},
		{method: "GET", path: pathAllowTest, serve: h.testAddress},

		{method: "GET", path: pathConnectors, serve: h.connectors},
		{method: "POST", path: pathConnectors, serve: h.addConnector},
		{method: "GET", path: pathConnector, serve: h.connector},
		{method: "PATCH", path: pathConnector, serve: h.setConnector},
		{method: "DELETE", path: pathConnector, serve: h.removeConnector},

		{method: "GET", path: pathAccounts, serve: h.accounts},
		{method: "GET", path: pathAccount, serve: h.account},
		{method: "DELETE", path: pathAccount, serve: h.removeAccount},
		{method: "POST", path: pathAccountEnable, serve: h.setAccountState(app.AccountActive)},
		{method: "POST", path: pathAccountDisable, serve: h.setAccountState(app.AccountDisabled)},

		{method: "POST", path: pathAccountUnlink, serve: h.removeIdentity},
		{method: "GET", path: pathAccountSessions, serve: h.accountSessions},
		{method: "DELETE", path: pathAccountSessions, serve: h.endSessions},
		{method: "POST", path: pathAccountMove, serve: h.moveAccount},
		{method: "POST", path: pathAccountReset, serve: h.sendReset},

		{method: "GET", path: pathRegistrations, serve: h.registrations},
		{method: "DELETE", path: pathRegistration, serve: h.removeRegistration},
		{method: "POST", path: pathResend, serve: h.resend},

		{method: "GET", path: pathSettings, serve: h.settings},
		{method: "PATCH", path: pathSettings, serve: h.setSettings},

		{method: "GET", path: pathEvents, serve: h.events},
		{method: "GET", path: pathWatch, serve: h.watch},
		{method: "GET", path: pathStats, serve: h.stats},
		{method: "GET", path: pathAttention, serve: h.attention},
	}
}

func (h *handler) mailRoutes() []route {
	return []route{
		{method: "GET", path: pathMessages, serve: h.messages},
		{method: "POST", path: pathMessages, serve: h.testMail},
		{method: "GET", path: pathMessage, serve: h.message},
		{method: "DELETE", path: pathMessage, serve: h.removeMessage},
		{method: "POST", path: pathMessageRetry, serve: h.retryMessage},
		{method: "GET", path: pathMailDNS, serve: h.mailDNS},
		{method: "GET", path: pathMailStatus, serve: h.mailStatus},
		{method: "POST", path: pathMessageHold, serve: h.holdMessage},
		{method: "POST", path: pathMessageRelease, serve: h.releaseMessage},
		{method: "GET", path: pathSuppressed, serve: h.suppressed},
		{method: "DELETE", path: pathUnsuppress, serve: h.unsuppress},
		{method: "GET", path: pathMailTLS, serve: h.tlsHosts},
		{method: "DELETE", path: pathMailTLSHost, serve: h.forgetTLS},
		{method: "GET", path: pathBlocked, serve: h.blocked},
		{method: "DELETE", path: pathUnblock, serve: h.unblock},

		{method: "GET", path: pathPrograms, serve: h.programs},
		{method: "POST", path: pathPrograms, serve: h.addProgram},
		{method: "GET", path: pathProgram, serve: h.program},
		{method: "PATCH", path: pathProgram, serve: h.setProgram},
		{method: "DELETE", path: pathProgram, serve: h.removeProgram},
		{method: "POST", path: pathProgramPassword, serve: h.newProgramPassword},
		{method: "GET", path: pathMailListener, serve: h.mailListener},
	}
}

// adapt makes an http.Handler of a route: it decides whether the caller may, and writes what comes back.
func (h *handler) adapt(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		req := &request{Request: r, w: w, peer: peerFrom(r.Context())}
		answer, err := h.answer(rt, req)
		status := http.StatusOK
		if err != nil {
			status, answer = encodeError(err)
			h.logError(req, rt, err)
		}
		if _, ok := errors.AsType[*methodError](err); ok {
			status = http.StatusMethodNotAllowed
		}
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set(headerAPI, strconv.Itoa(API))
		header.Set(headerVersion, h.Version)
		if s, ok := answer.(stream); ok {
			header.Set("Content-Type", s.mediaType)
			err = s.send()
		} else {
			w.WriteHeader(status)
			err = json.NewEncoder(w).Encode(answer)
		}
		if h.Served != nil {
			h.Served(rt.path, r.Method, status, time.Since(start))
		}
		if err != nil {
			h.Log.Debug("admin api: answer not sent", "err", err)
		}
		if h.Log.Enabled(r.Context(), slog.LevelDebug) {
			// The route, not the path: a path holds addresses.
			h.Log.Debug("admin api", "method", r.Method, "route", rt.path, "status", status, "peer", req.actor(),
				"pid", req.peer.PID, "took", time.Since(start))
		}
	})
}

func (h *handler) answer(rt route, r *request) (any, error) {
	// No browser speaks to a Unix socket; what comes from a page came through something that should not be there.
	if len(r.Header.Values("Origin")) > 0 || len(r.Header.Values("Referer")) > 0 {
		return nil, app.Errorf(app.Denied, "from_a_page", "the admin API does not answer requests that come from a web page")
	}
	if !rt.open && !h.permitted(r.peer) {
		return nil, app.Errorf(app.Denied, "not_permitted", "%s", h.missing(r.peer))
	}
	return rt.serve(r)
}

func (h *handler) logError(r *request, rt route, err error) {
	code := app.CodeOf(err)
	if code != app.Internal && code != app.Unavailable {
		return
	}
	if r.Context().Err() != nil { // the caller has gone away
		h.Log.Debug("admin api: broken off", "route", rt.path, "err", err)
		return
	}
	h.Log.Error("admin api", "method", r.Method, "route", rt.path, "err", err)
}

// permitted reports whether the peer may administer: root or its like, the service's own user, or an operator.
func (h *handler) permitted(p Peer) bool {
	switch {
	case !p.Known:
		return false
	case p.root(), p.id() == h.own.id():
		return true
	case slices.ContainsFunc(h.Operators, p.is):
		return true
	default:
		return p.in(h.Group)
	}
}

// missing returns what a peer that is not permitted needs, as a sentence.
func (h *handler) missing(p Peer) string {
	if !p.Known {
		return "the system does not tell who is calling, so nothing is permitted here"
	}
	name := cmp.Or(p.name(), "USER")
	if p.SID != "" {
		return fmt.Sprintf(`you are %s and may not administer Foyer: run this as administrator, or let an administrator add you to the group %s `+
			`(net localgroup %s "%s" /add) and sign in anew`, p, h.Group, h.Group, name)
	}
	return fmt.Sprintf("you are %s and may not administer Foyer: run this as root, or let root add you to the group %s "+
		"(usermod -aG %s %s) and sign in anew", p, h.Group, h.Group, name)
}

// join returns the command by which an administrator lets a peer in, "" for one whose name is not known.
func (h *handler) join(p Peer) string {
	name := p.name()
	switch {
	case !p.Known || name == "" || h.Group == "":
		return ""
	case p.SID != "":
		return fmt.Sprintf(`net localgroup %s "%s" /add`, h.Group, name)
	}
	name = app.ShellWord(name)
	if runtime.GOOS == "darwin" {
		return fmt.Sprintf("sudo dseditgroup -o edit -a %s -t user %s", name, h.Group)
	}
	return fmt.Sprintf("sudo usermod -aG %s %s", h.Group, name)
}

func (h *handler) version(r *request) (any, error) {
	v := Version{
		Version: h.Version, API: API, Go: runtime.Version(), SQLite: h.SQLite,
		Caller: r.peer.String(), Permitted: h.permitted(r.peer), Starting: h.starting(),
	}
	if !v.Permitted {
		v.Missing, v.Join = h.missing(r.peer), h.join(r.peer)
	}
	return v, nil
}

func noRoute(*request) (any, error) {
	return nil, app.Errorf(app.NotFound, "route_unknown", "the admin API has no such path; is the client newer than the service?")
}

// methodError marks the one error whose status no code stands for.
type methodError struct{ method string }

func (e *methodError) Error() string { return "method " + e.method }

func wrongMethod(allowed []string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		r.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return nil, &app.Error{
			Code: app.Invalid, Reason: "method_unknown", Err: &methodError{r.Method},
			Message: "this path takes " + strings.Join(allowed, " and ") + " only",
		}
	}
}

// maxBody bounds a request's body. A list of ten thousand entries fits.
const maxBody = 1 << 20

// decode reads the body of a request: one JSON value of a known form. Invalid otherwise.
func (r *request) decode(into any) error {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return app.Errorf(app.Invalid, "content_type", "send the body as application/json")
	}
	return decodeBody(http.MaxBytesReader(r.w, r.Body, maxBody), into)
}

func decodeBody(body io.Reader, into any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.New("more than one value")
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return app.Errorf(app.Invalid, "body_large", "the body is larger than 1 MiB")
	}
	return &app.Error{
		Code: app.Invalid, Reason: "body_invalid", Err: err,
		Message: fmt.Sprintf("the body is not what this path takes: %s", strings.TrimPrefix(err.Error(), "json: ")),
	}
}

// query returns the parameters of the request, of which only the named ones may be there: a misspelt filter must
// not list everything.
func (r *request) query(known ...string) (map[string]string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, app.Errorf(app.Invalid, "query_invalid", "the query is not well formed")
	}
	out := map[string]string{}
	for name, all := range values {
		if !slices.Contains(known, name) || len(all) != 1 {
			return nil, app.Errorf(app.Invalid, "query_unknown", "the query %q is not known here, or is given twice", name)
		}
		out[name] = all[0]
	}
	// Nothing that is searched in is as long, and SQLite takes no pattern of more than 50000 bytes.
	if len(out["search"]) > maxSearch {
		return nil, app.Fieldf("search", "search_long", "what is searched for is longer than %d bytes", maxSearch)
	}
	return out, nil
}

// pageSize returns the limit a query asks for.
func pageSize(query map[string]string) (int, error) {
	text, ok := query["limit"]
	if !ok {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, app.Fieldf("limit", "limit_invalid", "limit is a number from 1 to %d", maxPage)
	}
	return n, nil
}

// idCursor returns the cursor of a query whose items have numbers, 0 when there is none.
func idCursor(query map[string]string) (int64, error) {
	text, ok := query["after"]
	if !ok || text == "" {
		return 0, nil
	}
	return parseID(text, "after")
}

func parseID(text, field string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, app.Fieldf(field, "id_invalid", "%q is not an id", text)
	}
	return id, nil
}

// switches returns the parameters of a query that are on or off: "true" or "false". Invalid.
func switches(query map[string]string, names ...string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, name := range names {
		switch text := query[name]; text {
		case "true":
			out[name] = true
		case "", "false":
		default:
			return nil, app.Fieldf(name, "switch_invalid", "%s is true or false, not %q", name, text)
		}
	}
	return out, nil
}

// moments returns the parameters of a query that are times (RFC 3339). Invalid.
func moments(query map[string]string, names ...string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for _, name := range names {
		text := query[name]
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, app.Fieldf(name, "time_invalid", "%s is a time as in 2026-11-26T09:30:00Z, not %q", name, text)
		}
		out[name] = at
	}
	return out, nil
}

// page makes one page of what a backend returned; cursor gives the place of an item.
func page[In, Out any](items []In, limit int, convert func(In) Out, cursor func(In) string) Page[Out] {
	out := Page[Out]{Items: make([]Out, 0, len(items))}
	for _, item := range items {
		out.Items = append(out.Items, convert(item))
	}
	if len(items) == limit {
		out.Next = cursor(items[len(items)-1])
	}
	return out
}
