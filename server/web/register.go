package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// registerPage is the form to create an account.
type registerPage struct {
	*page
	Stamp string // when the form was shown, for the least age of a form; "" when there is none
}

func (s *site) showRegister(c *gin.Context) error {
	v := visitOf(c.Request)
	if !v.settings.LoginLink {
		return s.showClosed(c, v)
	}
	if v.settings.Limits.FormAge > 0 {
		return s.render(c.Writer, http.StatusOK, "register", s.registerPage(v, nil))
	}
	return s.renderPlain(c.Writer, c.Request, "register", func(p *page) any { return registerPage{page: p} })
}

func (s *site) registerPage(v *visit, f form) registerPage {
	p := registerPage{page: v.page()}
	p.values = f
	if v.settings.Limits.FormAge > 0 {
		p.Stamp = s.stamp(time.Now())
	}
	return p
}

// showClosed says that sign-up is switched off, and whom to ask.
func (s *site) showClosed(c *gin.Context, v *visit) error {
	p := v.page()
	return s.render(c.Writer, http.StatusForbidden, "message", message{
		page: p, Kind: "stop", Heading: p.T("web.closed.title"), Text: p.T("web.closed.text"), Ask: true,
		Links: []link{{"/login", p.T("web.link.login")}},
	})
}

func (s *site) submitRegister(c *gin.Context) error {
	v := visitOf(c.Request)
	if !v.settings.LoginLink {
		return s.showClosed(c, v)
	}
	f, err := v.form("first_name", "last_name", "email", "phone", "website", "t")
	if err != nil {
		return err
	}
	profile := profileOf(f)
	p := s.registerPage(v, f)
	names, phone := profileErrors(profile)
	status := p.explainAll(c.Writer, append(names, emailError(f["email"]), phone))
	if status != 0 {
		return s.render(c.Writer, status, "register", p)
	}
	age, fresh := s.formAge(v, f, time.Now())
	if !fresh {
		p.Problems = []problem{{Text: p.T("web.register.stale")}}
		return s.render(c.Writer, http.StatusUnprocessableEntity, "register", p)
	}
	signUp := app.SignUpForm{Profile: profile, Email: f["email"], Trap: f["website"], Age: age}
	if err := s.service.SignUp(c.Request.Context(), signUp, v.visitor()); err != nil {
		if app.CodeOf(err) == app.Closed {
			return s.showClosed(c, v)
		}
		status := p.explain(c.Writer, err)
		// The refusal of an address is about the field, whoever is to be asked.
		if app.ReasonOf(err) == "not_enabled" {
			p.Problems[len(p.Problems)-1].Field = "email"
		}
		return s.render(c.Writer, status, "register", p)
	}
	return redirect(c, "/register/sent")
}

// profileOf returns the names and the number of a form. Blanks round them, which keyboards of telephones add, are
// not part of them.
func profileOf(f form) app.Profile {
	return app.Profile{
		FirstName: strings.TrimSpace(f["first_name"]),
		LastName:  strings.TrimSpace(f["last_name"]),
		Phone:     strings.TrimSpace(f["phone"]),
	}
}

// profileErrors returns what is wrong with each part of a profile, so that a person learns of all of it at once: the
// domain's own check names the first only, so each part is put beside two that are right.
func profileErrors(p app.Profile) (names []error, phone error) {
	const right = "x"
	names = []error{
		app.Profile{FirstName: p.FirstName, LastName: right}.Check(),
		app.Profile{FirstName: right, LastName: p.LastName}.Check(),
	}
	return names, app.Profile{FirstName: right, LastName: right, Phone: p.Phone}.Check()
}

func emailError(email string) error {
	_, err := app.ParseAddress(email)
	return err
}

// explainAll adds everything that is wrong and returns the status of the first of it, 0 when nothing is.
func (p *page) explainAll(w http.ResponseWriter, errs []error) int {
	status := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		if found := p.explain(w, err); status == 0 {
			status = found
		}
	}
	return status
}

// showRegisterSent is the one answer to every sign-up. It knows nothing of the address, so it cannot tell anything.
func (s *site) showRegisterSent(c *gin.Context) error {
	v := visitOf(c.Request)
	if !v.settings.LoginLink {
		return s.showClosed(c, v)
	}
	return s.renderPlain(c.Writer, c.Request, "register_sent", func(p *page) any { return p })
}

// maxFormAge is how long a sign-up form can be sent after it was shown, when a least age is set.
const maxFormAge = 24 * time.Hour

// stamp returns the moment as text that only this process can make: milliseconds and their HMAC.
func (s *site) stamp(now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 10)
	return at + "-" + s.stampHash(at)
}

func (s *site) stampHash(at string) string {
	mac := hmac.New(sha256.New, s.formKey[:])
	mac.Write([]byte(at))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// formAge returns how long the form was open, negative when no least age is set. A form without a stamp is of age 0:
// a program has sent it. fresh is false for a stamp that is a day old or was made before the service started: the
// person only has to send the form again.
func (s *site) formAge(v *visit, f form, now time.Time) (age time.Duration, fresh bool) {
	if v.settings.Limits.FormAge == 0 {
		return -1, true
	}
	if f["t"] == "" {
		return 0, true
	}
	at, hash, _ := strings.Cut(f["t"], "-")
	if !hmac.Equal([]byte(hash), []byte(s.stampHash(at))) {
		return 0, false
	}
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return 0, false
	}
	age = max(0, now.Sub(time.UnixMilli(ms)))
	return age, age <= maxFormAge
}
