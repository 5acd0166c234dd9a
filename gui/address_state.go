package gui

import (
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// addressState shows what browsers reach now, and with which certificate.
type addressState struct {
	desk    *desk
	problem *bar
	facts   *fyne.Container
	details bool // the fingerprint and the chain are shown
	shown   localapi.Address
	at      time.Time // when it was shown
	content *fyne.Container
}

func newAddressState(d *desk) *addressState {
	s := &addressState{desk: d, problem: newBar(), facts: container.New(layout.NewCustomPaddedVBoxLayout(-9))}
	s.problem.close.Hide()
	s.content = container.NewVBox(s.problem, s.facts)
	return s
}

// show shows another state. The same one is left alone: a button of it may have the focus.
func (s *addressState) show(a localapi.Address, now time.Time) {
	if len(s.facts.Objects) > 0 && reflect.DeepEqual(a, s.shown) && now.YearDay() == s.at.YearDay() {
		return
	}
	s.shown, s.at = a, now
	s.problem.clear()
	switch {
	case a.Problem == problemPending:
		s.problem.say(levelWarning, addressProblem(a))
	case a.Problem != "":
		s.problem.say(levelError, addressProblem(a))
	}
	s.lay()
}

// problemPending is what is wrong while a certificate authority has not answered yet.
const problemPending = "acme_pending"

// addressProblem says what is wrong and what to do about it.
func addressProblem(a localapi.Address) string {
	do := has("address.problem."+a.Problem, nil)
	switch {
	case do == "":
		return sentence(a.Text)
	case a.Text == "":
		return do
	default:
		return do + "\n" + sentence(a.Text)
	}
}

func (s *addressState) lay() {
	a := s.shown
	s.facts.RemoveAll()
	address := tr("address.none")
	if a.PublicURL != "" {
		address = a.PublicURL
	}
	s.fact(tr("address.fact.address"), address)
	s.add(tr("address.fact.served"), leading(newPill(tr("address.served."+addressMode(a)), servedLevel(a))))
	s.add(tr("address.fact.listeners"), s.listeners())
	if a.Announced != "" {
		s.fact(tr("address.fact.announced"), a.Announced)
	}
	if a.Certificate != nil {
		s.certificate(*a.Certificate)
	}
	s.content.Refresh()
}

// servedAhead is how pages are served when something in front of the service has the certificate.
const servedAhead = "ahead"

// addressMode returns how the pages are served, as a word for the key of a text.
func addressMode(a localapi.Address) string {
	switch a.Mode {
	case app.TLSFiles, app.TLSACME, app.TLSLocal:
		return a.Mode
	default:
		if strings.HasPrefix(a.PublicURL, secureScheme) {
			return servedAhead
		}
		return app.TLSOff
	}
}

func servedLevel(a localapi.Address) level {
	switch mode := addressMode(a); {
	case mode == app.TLSOff, a.Problem == problemPending:
		return levelWarning
	case mode == servedAhead:
		return levelInfo
	case a.Problem != "", a.Certificate == nil:
		return levelError
	default:
		return levelOK
	}
}

// add adds a line: what it is about, and what there is to see.
func (s *addressState) add(label string, o fyne.CanvasObject) {
	s.facts.Add(container.New(&labelLayout{factWidth}, newSmall(label), o))
}

func (s *addressState) fact(label, value string) {
	line, text := newFact(label)
	text.SetText(value)
	s.facts.Add(line)
}

// leading places objects at the left of a line as high as those of texts.
func leading(objects ...fyne.CanvasObject) fyne.CanvasObject {
	return newFixedHeight(widget.NewLabel("").MinSize().Height, container.NewHBox(objects...))
}

// listeners shows at which addresses browsers are answered, and why not where they are not.
func (s *addressState) listeners() fyne.CanvasObject {
	box := container.New(&tightLayout{})
	for _, l := range s.shown.Listeners {
		level, text := levelOK, tr("address.listener", args{"Address": l.Address, "Kind": listenerKind(l.Kind)})
		if l.Error != "" {
			level, text = levelError, tr("address.listener.failed", args{"Address": l.Address, "Kind": listenerKind(l.Kind), "Why": sentence(l.Error)})
		}
		icon := container.NewVBox(container.New(layout.NewCustomPaddedLayout(9, 0, 6, 0), newFixedIcon(widget.NewIcon(level.icon()))))
		label := newText(text)
		label.Importance = widget.MediumImportance
		box.Add(newBorder(nil, nil, icon, nil, label))
	}
	if len(s.shown.Listeners) == 0 {
		box.Add(newText(tr("address.no_listeners")))
	}
	return box
}

func listenerKind(kind string) string {
	if text := has("address.kind."+kind, nil); text != "" {
		return text
	}
	return kind
}

func (s *addressState) certificate(c localapi.Certificate) {
	s.fact(tr("address.fact.names"), strings.Join(c.Names, ", "))
	note, l := certificateNote(c, s.at)
	s.add(tr("address.fact.until"), leading(widget.NewLabel(c.NotAfter.Local().Format(time.DateOnly)), newPill(note, l)))
	trusted := newPill(tr("address.trusted"), levelOK)
	if !c.Trusted {
		trusted = newPill(tr("address.untrusted"), levelWarning)
	}
	s.add(tr("address.fact.trusted"), leading(trusted))
	s.fact(tr("address.fact.issuer"), c.Issuer)
	s.fact(tr("address.fact.renewal"), renewal(s.shown.Mode, c))
	more := newButton(tr("address.details"), theme.MenuExpandIcon(), func() {
		s.details = !s.details
		s.lay()
	})
	more.Importance = widget.LowImportance
	if s.details {
		more.SetText(tr("address.details.hide"))
		more.SetIcon(theme.MenuDropDownIcon())
	}
	if s.details {
		s.add(tr("address.fact.fingerprint"), container.New(layout.NewCustomPaddedLayout(4, 12, 0, 0), wholeField(fingerprint(c.SHA256), s.desk.tell)))
		s.add(tr("address.fact.chain"), newChain(c.Chain))
	}
	buttons := container.NewHBox(more)
	if s.shown.Authority != nil {
		trust := newButton(tr("address.trust.open"), theme.ComputerIcon(), func() { newAddressAuthority(s.desk, s.shown).open() })
		buttons = container.NewHBox(trust, more)
	}
	s.facts.Add(container.NewVBox(gap(2), buttons))
}

// certificateNote says how long a certificate is valid, and how good or bad that is.
func certificateNote(c localapi.Certificate, now time.Time) (string, level) {
	l := certificateLevel(c, now)
	if l == levelError {
		return tr("address.expired"), l
	}
	return trn("address.days", daysLeft(c.NotAfter, now)), l
}

// daysLeft returns how many whole days there are until a time; 0 when it has passed.
func daysLeft(until, now time.Time) int { return max(int(until.Sub(now)/(24*time.Hour)), 0) }

func certificateLevel(c localapi.Certificate, now time.Time) level {
	switch {
	case !now.Before(c.NotAfter):
		return levelError
	case app.CertificateEndsSoon(c.NotBefore, c.NotAfter, now):
		return levelWarning
	default:
		return levelOK
	}
}

// renewal says whether and when a certificate is renewed.
func renewal(mode string, c localapi.Certificate) string {
	switch {
	case c.RenewAt != nil:
		return tr("address.renewed", args{"At": c.RenewAt.Local().Format(time.DateOnly)})
	case mode == app.TLSFiles:
		return tr("address.renewed.files")
	default:
		return tr("address.renewed.not")
	}
}

// fingerprint writes a fingerprint in pairs of capital digits, as browsers do, with blanks at which a line may end.
func fingerprint(hex string) string {
	var out strings.Builder
	for i, r := range strings.ToUpper(hex) {
		if i > 0 && i%2 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// newChain shows the certificates of a chain below each other: the pages' own at the top, each further one signs that above it.
func newChain(chain []localapi.CertificateChain) fyne.CanvasObject {
	box := container.New(&tightLayout{})
	for i, link := range chain {
		name := newText(link.Subject)
		name.TextStyle.Bold = i == 0
		note := newHint(tr("address.link", args{"Issuer": link.Issuer, "Until": link.NotAfter.Local().Format(time.DateOnly)}))
		left := container.NewHBox(newFixed(float32(i)*18, layout.NewSpacer()), container.NewVBox(container.New(layout.NewCustomPaddedLayout(9, 0, 0, 0),
			newFixedIcon(widget.NewIcon(theme.NewColoredResource(theme.DocumentIcon(), colorSoft))))))
		box.Add(newBorder(nil, nil, left, nil, container.New(layout.NewCustomPaddedVBoxLayout(-8), name, note)))
	}
	return box
}

// authorityAddress returns where a phone finds the certificate of the service's own authority: over plain HTTP, as it does not trust the
// other yet. "" when there is no such address.
func authorityAddress(a localapi.Address) string {
	host := a.Announced
	if u, err := url.Parse(a.PublicURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	if host == "" {
		return ""
	}
	port := plainPort(a.Listeners)
	switch {
	case port == "":
		return ""
	case port != usualPlainPort:
		return plainScheme + net.JoinHostPort(host, port) + "/ca.crt"
	case strings.Contains(host, ":"):
		return plainScheme + "[" + host + "]/ca.crt"
	default:
		return plainScheme + host + "/ca.crt"
	}
}

// plainPort returns the port at which other machines reach the service over plain HTTP, the usual one if it is among them; "" for none.
func plainPort(listeners []localapi.PageListener) string {
	found := ""
	for _, l := range listeners {
		host, port, err := net.SplitHostPort(l.Address)
		if err != nil || l.Error != "" || l.Kind == "https" || app.IsLoopbackHost(host) {
			continue
		}
		if found == "" || port == usualPlainPort {
			found = port
		}
	}
	return found
}
