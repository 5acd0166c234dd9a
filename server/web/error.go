package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"foyer/app"
)

// refusal is an answer the web itself gives: the status of a request that no page has to do with.
type refusal int

func (r refusal) Error() string { return http.StatusText(int(r)) }

// problem is an error as a page shows it.
type problem struct {
	Status     int
	Field      string // the input it is about, or ""
	Text       string // in the visitor's language
	RetryAfter string // seconds, or ""
	Ask        bool   // somebody at the office can help
}

// explain is the one translation of errors: the code gives the status, the reason gives the text in the visitor's
// language. A fault of ours is logged here, and nothing of it is shown.
func (v *visit) explain(err error) problem {
	if r, ok := errors.AsType[refusal](err); ok {
		text := refusalText(int(r)).text
		return problem{Status: int(r), Text: v.site.texts.get(v.lang, text, nil)}
	}
	p := problem{Status: statusOf(err), Text: v.reasonText(err)}
	if e, ok := errors.AsType[*app.Error](err); ok {
		p.Field = e.Field
		p.RetryAfter = retryAfter(e)
		p.Ask = slices.Contains(askable(), e.Reason)
	}
	if p.Status == http.StatusInternalServerError ||
		p.Status == http.StatusServiceUnavailable && !slices.Contains(knownOutages(), app.ReasonOf(err)) {
		v.site.log.Error("page", "route", v.route, "err", err)
	}
	return p
}

// knownOutages are the reasons of a 503 that are no fault of ours, or were logged where they arose.
func knownOutages() []string {
	return []string{"busy", "storage_full", "storage_readonly", app.ProviderUnreachable, app.ProviderRefusedUs}
}

// statusOf returns the HTTP status for the code of err.
func statusOf(err error) int {
	switch app.CodeOf(err) {
	case app.Invalid:
		if slices.Contains([]string{"flow_unknown", app.ProviderMixUp, app.ProviderRefusedCode}, app.ReasonOf(err)) {
			return http.StatusBadRequest // nobody typed anything
		}
		return http.StatusUnprocessableEntity
	case app.NotFound:
		return http.StatusNotFound
	case app.Conflict:
		return http.StatusConflict
	case app.Denied:
		if app.ReasonOf(err) == "signin_wrong" {
			return http.StatusUnauthorized
		}
		return http.StatusForbidden
	case app.Closed:
		return http.StatusForbidden
	case app.Gone:
		return http.StatusGone
	case app.Limited:
		return http.StatusTooManyRequests
	case app.Unavailable:
		return http.StatusServiceUnavailable
	case app.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// reasonText returns the sentence for err.
func (v *visit) reasonText(err error) string {
	e, ok := errors.AsType[*app.Error](err)
	if ok {
		if id := "web.reason." + e.Reason; v.site.texts.has(id) {
			args := make(map[string]any, len(e.Args)+1)
			args["Through"] = v.site.texts.get(v.lang, "web.provider.unnamed", nil)
			for name, value := range e.Args {
				args[name] = value
			}
			return v.site.texts.get(v.lang, id, args)
		}
	}
	switch app.CodeOf(err) {
	case app.Internal:
		return v.site.texts.get(v.lang, "web.error.500.text", nil)
	case app.Unavailable:
		return v.site.texts.get(v.lang, "web.error.503.text", nil)
	default:
		return app.MessageOf(err)
	}
}

// retryAfter returns the seconds after which another try makes sense, or "".
func retryAfter(e *app.Error) string {
	switch {
	case e.Args["Seconds"] != "":
		return e.Args["Seconds"]
	case e.Code == app.Limited:
		return strconv.Itoa(60)
	case e.Code == app.Unavailable:
		return strconv.Itoa(5)
	}
	return ""
}

// askable are the reasons about which only somebody at the office can do something.
func askable() []string {
	return []string{
		"not_enabled", "account_disabled", "company_disabled", "no_longer_eligible", "signup_closed",
		"identity_not_listed", "identity_signup_closed", "identity_guest", "identity_email_missing", "identity_email_invalid",
		"identity_other", "identity_taken", "tenant_not_allowed", "connector_off",
		app.ProviderRefusedUs, app.ProviderRefused, app.ProviderTenant,
	}
}

// errorText is the ids of the texts of an error page.
type errorText struct{ title, text string }

func refusalText(status int) errorText {
	texts := map[int]errorText{
		http.StatusBadRequest:            {"web.error.400.title", "web.error.400.text"},
		http.StatusForbidden:             {"web.error.403.title", "web.error.403.text"},
		http.StatusNotFound:              {"web.error.404.title", "web.error.404.text"},
		http.StatusMethodNotAllowed:      {"web.error.405.title", "web.error.405.text"},
		http.StatusRequestEntityTooLarge: {"web.error.413.title", "web.error.413.text"},
		http.StatusUnsupportedMediaType:  {"web.error.415.title", "web.error.415.text"},
		http.StatusMisdirectedRequest:    {"web.error.421.title", "web.error.421.text"},
		http.StatusServiceUnavailable:    {"web.error.503.title", "web.error.503.text"},
	}
	if found, ok := texts[status]; ok {
		return found
	}
	return errorText{"web.error.500.title", "web.error.500.text"}
}

// message is a page that says one thing and where to go on.
type message struct {
	*page
	Kind    string // which picture: "letter", "done" or "stop"
	Heading string
	Text    string
	Hint    string // what whoever can help has to know, or ""
	Ask     bool   // whom to ask is part of the message
	Links   []link
}

// link is a way on. The first of a page is its main one.
type link struct{ URL, Text string }

// fail answers with the page that explains err.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	v := visitOf(r)
	if reason := app.ReasonOf(err); leadsElsewhere(reason) {
		to := "/login"
		if reason == "fresh_needed" {
			to = "/account/again"
		}
		w.Header().Set("Location", to)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	problem := v.explain(err)
	if problem.RetryAfter != "" {
		w.Header().Set("Retry-After", problem.RetryAfter)
	}
	if problem.Status == http.StatusRequestEntityTooLarge {
		// What is still on its way is not read.
		w.Header().Set("Connection", "close")
	}
	p := v.page()
	m := message{
		page: p, Kind: "stop", Heading: p.T(refusalText(problem.Status).title), Text: problem.Text, Ask: problem.Ask,
		Links: []link{{"/login", p.T("web.link.login")}},
	}
	if err := s.render(w, problem.Status, "message", m); err != nil {
		s.log.Error("error page", "route", v.route, "err", err)
		http.Error(w, http.StatusText(problem.Status), problem.Status)
	}
}

// refuse returns the handler that always answers with the error page of a status.
func (s *site) refuse(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, refusal(status)) })
}
