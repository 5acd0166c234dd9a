// Package web is the pages Foyer shows to visitors and to people who are signed in. It is the only room that knows
// gin, and gives it away as an http.Handler. Only package server imports it.
package web

import (
	"context"
	"crypto/rand"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"foyer/app"
	"foyer/assets"
)

// Service is what the pages ask of the domain. Its errors are *app.Error.
type Service interface {
	Settings() app.Settings

	SignUp(ctx context.Context, f app.SignUpForm, v app.Visitor) error
	Registration(ctx context.Context, token app.Token) (app.Registration, error)
	Confirm(ctx context.Context, token app.Token, password, confirm string, v app.Visitor) (app.Account, error)
	RegistrationByCode(ctx context.Context, email, code string, v app.Visitor) (app.Registration, error)
	ConfirmCode(ctx context.Context, email, code, password, confirm string, v app.Visitor) (app.Account, error)

	SignIn(ctx context.Context, email, password string, v app.Visitor) (app.Token, error)
	Session(ctx context.Context, token app.Token) (app.Session, error)
	SignOut(ctx context.Context, token app.Token, v app.Visitor) error
	Forgot(ctx context.Context, email string, v app.Visitor) error
	ResetLink(ctx context.Context, token app.Token) (app.Account, error)
	Reset(ctx context.Context, token app.Token, password, confirm string, v app.Visitor) error

	ChangePassword(ctx context.Context, token app.Token, current, password, confirm string, v app.Visitor) (app.Token, error)
	UpdateProfile(ctx context.Context, token app.Token, p app.Profile, v app.Visitor) error

	SignInConnectors() []app.Connector
	StartIdentity(ctx context.Context, name string, start app.Start, browser app.Token, v app.Visitor) (app.Challenge, error)
	TakeChallenge(name string, state, browser app.Token) (app.Challenge, error)
	IdentityFailed(ctx context.Context, ch app.Challenge, err error, v app.Visitor) error
	Arrive(ctx context.Context, ch app.Challenge, claims app.Claims, browser app.Token, v app.Visitor) (app.Arrival, error)
	Forget(browser app.Token)
	BrowserTTL() time.Duration

	Proven(ctx context.Context, browser app.Token) (app.Proven, error)
	SignUpIdentity(ctx context.Context, browser app.Token, p app.Profile, v app.Visitor) (app.Token, error)
	Holds(r app.Registration, browser app.Token) bool
	Through(r app.Registration) string
	ConfirmIdentity(ctx context.Context, token, browser app.Token, v app.Visitor) (app.Account, error)
	ConfirmFound(ctx context.Context, r app.Registration, browser app.Token, v app.Visitor) (app.Account, error)
	SendLinkCode(ctx context.Context, browser app.Token, v app.Visitor) error
	LinkByCode(ctx context.Context, browser app.Token, code string, v app.Visitor) (app.Token, error)

	WaysIn(ctx context.Context, session app.Session) ([]app.WayIn, error)
	Fresh(session app.Session) bool
	SignInAgain(ctx context.Context, token app.Token, password string, v app.Visitor) (app.Token, error)
	LinkOffer(ctx context.Context, token, browser app.Token) (app.Proven, error)
	Link(ctx context.Context, token, browser app.Token, v app.Visitor) (app.Token, error)
	Unlink(ctx context.Context, token app.Token, id int64, v app.Visitor) (app.Token, error)

	StopLink(token app.Token) error
	Stop(ctx context.Context, token app.Token, email string, v app.Visitor) error
}

// IdentityProvider speaks with the providers people sign in with. Its errors are *app.Error with one of the reasons that
// are constants of package app: app.ProviderUnreachable and those beside it.
type IdentityProvider interface {
	// SignInURL returns where the browser is sent to sign in.
	SignInURL(ctx context.Context, ch app.Challenge) (string, error)
	// Claims returns what the provider says about who has signed in, after every check of it.
	Claims(ctx context.Context, ch app.Challenge, answer app.ProviderAnswer) (app.Claims, error)
}

// Config says what the pages are made of.
type Config struct {
	Service Service
	// Providers may be nil where there are no connectors.
	Providers IdentityProvider
	Texts     *assets.Texts
	Files     fs.FS // with "web/templates", "web/static" and "locales"
	Log       *slog.Logger
	// Health returns nil when the service can work. What its error says is shown to anybody who asks when it is an
	// *app.Error; any other error is logged only.
	Health  func(ctx context.Context) error
	Version string
	// Instance is a random name of this start of the service, which /healthz tells.
	Instance string
	// Hosts are names by which browsers may reach the pages, besides the host of the public URL, "localhost" and the
	// address the request arrived at.
	Hosts []string
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Announced returns one more host name the pages answer to, "" for none; nil is none.
	Announced func() string
	// Served is told of every answer: the template of the route, "" for none, the method and the status. nil is nobody.
	Served func(route, method string, status int, took time.Duration)
	// PublicCertificate reports whether browsers trust the certificate they are shown without being told to; nil is yes.
	PublicCertificate func() bool
	MaxBody           int64 // bytes of a request's body, 64 KiB when 0
}

const defaultMaxBody = 64 << 10

// site is the pages and what they need; it does not change after New.
type site struct {
	service   Service
	providers IdentityProvider
	log       *slog.Logger
	health    func(ctx context.Context) error
	version   string
	instance  string
	hosts     map[string]bool
	proxies   []netip.Prefix
	trusted   func() bool // see Config.PublicCertificate
	maxBody   int64
	announced func() string
	served    func(route, method string, status int, took time.Duration)
	texts     *texts
	pages     *templates
	static    *static
	fields    map[string]fieldSpec
	formKey   [32]byte // of the time stamp in the sign-up form
}

// New returns the handler of every page, with all templates, texts and static files read and checked.
func New(c Config) (http.Handler, error) {
	s := &site{
		service: c.Service, providers: c.Providers, log: c.Log, health: c.Health, version: c.Version, instance: c.Instance,
		hosts: map[string]bool{"localhost": true}, proxies: c.TrustedProxies, trusted: c.PublicCertificate, maxBody: c.MaxBody, fields: fieldSpecs(), served: c.Served, announced: c.Announced,
	}
	for _, host := range c.Hosts {
		s.hosts[canonicalHost(host)] = true
	}
	if s.trusted == nil {
		s.trusted = func() bool { return true }
	}
	if s.maxBody == 0 {
		s.maxBody = defaultMaxBody
	}
	_, _ = rand.Read(s.formKey[:]) // never returns an error (crypto/rand)
	var err error
	if s.texts, err = readTexts(c.Files, c.Texts); err != nil {
		return nil, err
	}
	if s.static, err = readStatic(c.Files); err != nil {
		return nil, err
	}
	if s.pages, err = readTemplates(c.Files, s.static); err != nil {
		return nil, err
	}
	return s.layers(s.engine()), nil
}

// layers puts what every request passes round the engine. The first one is the outermost.
func (s *site) layers(engine http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(s.refuse(http.StatusForbidden))
	return s.observe(s.secureHeaders(s.allowedHost(s.overTLS(s.boundBody(crossOrigin.Handler(engine))))))
}

// route is one line of the table of routes.
type route struct {
	method string
	path   string
	handle handler
}

// spending are the routes whose GET begins or ends a sign-in with a provider. They have no HEAD: a program that only
// looks whether an address is there must not spend what works once.
const spending = "/auth/"

// routes is every page there is. HEAD is served wherever GET is, but for those of spending.
func (s *site) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/", s.root},
		{get, "/login", s.showLogin},
		{post, "/login", s.submitLogin},
		{post, "/logout", s.submitLogout},

		{get, "/register", s.showRegister},
		{post, "/register", s.submitRegister},
		{get, "/register/sent", s.showRegisterSent},

		{get, "/auth/:name/start", s.startIdentity},
		{get, "/auth/:name/callback", s.finishIdentity},
		{get, "/register/identity", s.holder(s.showIdentityForm)},
		{post, "/register/identity", s.holder(s.submitIdentityForm)},
		{get, "/register/identity/sent", s.showIdentitySent},
		{get, "/register/link", s.holder(s.showHasAccount)},
		{post, "/register/link", s.holder(s.submitLinkCode)},
		{post, "/register/link/code", s.holder(s.sendLinkCode)},

		{get, "/confirm", s.showConfirmCode},
		{post, "/confirm", s.submitConfirmCode},
		{get, "/confirm/:token", s.showConfirm},
		{post, "/confirm/:token", s.submitConfirm},

		{get, "/forgot", s.showForgot},
		{post, "/forgot", s.submitForgot},
		{get, "/forgot/sent", s.showForgotSent},
		{get, "/reset/:token", s.showReset},
		{post, "/reset/:token", s.submitReset},
		{get, "/not-me/:token", s.showNotMe},
		{post, "/not-me/:token", s.submitNotMe},

		{get, "/account", s.member(s.showAccount)},
		{post, "/account", s.member(s.submitProfile)},
		{post, "/account/password", s.member(s.submitPassword)},
		{get, "/account/again", s.member(s.showAgain)},
		{post, "/account/again", s.member(s.submitAgain)},
		{get, "/account/link", s.member(s.showLink)},
		{post, "/account/link", s.member(s.submitLink)},
		{post, "/account/unlink", s.member(s.submitUnlink)},

		{get, healthPath, s.showHealth},
		{get, "/static/:file", s.showStatic},
	}
}

func (s *site) engine() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	// A redirect of gin's own puts X-Forwarded-Prefix, which anybody can send, before the path.
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.HandleMethodNotAllowed = true
	// gin would believe X-Forwarded-For of anybody (CVE-2020-28483); clientIP decides here.
	e.ForwardedByClientIP = false
	for _, r := range s.routes() {
		e.Handle(r.method, r.path, s.adapt(r.handle))
		if r.method == http.MethodGet && !strings.HasPrefix(r.path, spending) {
			e.Handle(http.MethodHead, r.path, s.adapt(r.handle))
		}
	}
	e.NoRoute(gin.WrapH(s.refuse(http.StatusNotFound)))
	e.NoMethod(gin.WrapH(s.refuse(http.StatusMethodNotAllowed)))
	return e
}

// handler answers a request, or returns an error and has written nothing.
type handler func(c *gin.Context) error

// adapt makes a gin handler of h: an error becomes the page that explains it.
func (s *site) adapt(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := visitOf(c.Request)
		v.route = c.FullPath()
		if c.Request.Method == http.MethodPost {
			if err := v.readForm(c.Request); err != nil {
				s.fail(c.Writer, c.Request, err)
				return
			}
		}
		if err := h(c); err != nil {
			s.fail(c.Writer, c.Request, err)
		}
	}
}

// redirect answers 303. Every target is one of ours, as a constant, or the link of a confirmation the domain knows:
// nothing a request carries becomes a Location.
func redirect(c *gin.Context, to string) error {
	c.Writer.Header().Set("Location", to)
	c.Writer.Header().Set("Content-Length", "0")
	c.Writer.WriteHeader(http.StatusSeeOther)
	return nil
}

// redirectAway answers 303 to a provider's sign-in page. It is the only way off these pages, and the address comes from
// the discovery document of a provider that the administrator has chosen. Unavailable, app.ProviderUnreachable, when it
// is not one of the web: a browser would run "javascript:", and read "//" as it likes.
func redirectAway(c *gin.Context, to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, "bad_address", err)
	}
	return redirect(c, u.String())
}
