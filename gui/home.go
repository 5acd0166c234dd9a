package gui

import (
	"context"
	"maps"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"foyer/app"
	"foyer/app/localapi"
)

// homeView is the state at a glance.
type homeView struct {
	desk *desk
	bar  *bar
	now  func() time.Time

	accounts      *tile
	registrations *tile
	mail          *tile
	companies     *tile
	certificate   *tile
	attention     *attentionCard
	address       *addressCard
	signUps       *chart
	mails         *chart
	events        *eventCard
	scroll        *container.Scroll

	asked   map[string]int // numbers what was asked for, by part: late answers are dropped
	failing map[string]bool
	dirty   topics // what has changed and was not read again yet
	resting bool   // something was read just now
}

// The parts of the page, each of which is read on its own.
const (
	partStats     = "stats"
	partMail      = "mail"
	partAttention = "attention"
	partSettings  = "settings"
	partEvents    = "events"
	partAddress   = "address"
)

// restTime is how long the page rests after it has read something: a hundred sign-ups a second are read once in it.
const restTime = 2 * time.Second

func newHome(d *desk) view {
	return &homeView{desk: d, now: time.Now, asked: map[string]int{}, failing: map[string]bool{}, dirty: topics{}}
}

// Content lays the page out.
func (v *homeView) Content() fyne.CanvasObject {
	v.bar = newBar()
	v.accounts = newTile(tr("home.accounts"), theme.AccountIcon(), func() { v.desk.open(pageUsers, "") })
	v.registrations = newTile(tr("home.registrations"), theme.HistoryIcon(), func() { v.desk.open(pageUsers, subjectWaiting) })
	v.mail = newTile(tr("home.mail"), theme.MailComposeIcon(), func() { v.desk.open(pageMail, "") })
	v.companies = newTile(tr("home.companies"), theme.StorageIcon(), func() { v.desk.open(pageCompanies, "") })
	v.certificate = newTile(tr("home.certificate"), theme.DocumentIcon(), func() { v.desk.open(pageSettings, groupAddress) })
	v.attention = newAttentionCard(v.desk)
	v.address = newAddressCard(v.desk, v.bar)
	v.signUps, v.mails = newSignUpChart(), newMailChart()
	v.events = newEventCard(v.desk)

	tiles := container.New(evenLayout{homeGap}, v.accounts, v.registrations, v.mail, v.companies, v.certificate)
	charts := container.New(evenLayout{homeGap},
		newCard(tr("home.signups"), newFixedHeight(chartHeight, v.signUps.content)),
		newCard(tr("home.mails"), newFixedHeight(chartHeight, v.mails.content)))
	middle := container.New(besideLayout{addressWidth, homeGap}, v.attention.content, v.address.content)
	v.scroll = container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 8, 0, 10), container.New(
		layout.NewCustomPaddedVBoxLayout(homeGap), tiles, middle, charts, v.events.content)))
	return newBorder(container.NewVBox(newTitle(tr("page.home")), v.bar), nil, nil, nil, v.scroll)
}

// How large the parts are.
const (
	homeGap      = 10
	addressWidth = 340
	chartHeight  = 250
)

// subjectWaiting opens the users' page at the registrations.
const subjectWaiting = "registrations"

// Open reads everything anew.
func (v *homeView) Open(string) {
	clear(v.failing)
	v.bar.clear()
	maps.Copy(v.dirty, topics{
		localapi.TopicAccounts: true, localapi.TopicSettings: true, localapi.TopicMessages: true, localapi.TopicEvents: true,
		localapi.TopicAddress: true,
	})
	v.refresh()
}

// Changed reads what has changed, at most once in restTime.
func (v *homeView) Changed(t topics) {
	maps.Copy(v.dirty, t)
	if !v.resting {
		v.refresh()
	}
}

// Unsaved is never true: nothing is written here.
func (v *homeView) Unsaved() bool { return false }

// refresh reads the parts in which something has changed.
func (v *homeView) refresh() {
	t := v.dirty
	v.dirty = topics{}
	if t.any(localapi.TopicAccounts, localapi.TopicRegistrations, localapi.TopicCompanies, localapi.TopicMessages) {
		v.readStats()
	}
	if t.any(localapi.TopicMessages) {
		v.readMail()
	}
	if t.any(localapi.TopicSettings) {
		v.readSettings()
	}
	if t.any(localapi.TopicAddress) {
		v.readServing()
	}
	if len(t) > 0 { // anything may want attention, or want it no more
		v.readAttention()
		v.readEvents()
	}
	if v.resting {
		return
	}
	v.resting = true
	v.desk.later(restTime, func() {
		v.resting = false
		if len(v.dirty) > 0 {
			v.refresh()
		}
	})
}

// read asks for one part and shows it, unless it was asked for again meanwhile.
func (v *homeView) read(name string, ask func(ctx context.Context) (show func(), err error)) {
	v.asked[name]++
	question := v.asked[name]
	v.desk.run(func(ctx context.Context) func() {
		show, err := ask(ctx)
		return func() {
			if question != v.asked[name] {
				return
			}
			if err != nil {
				v.failing[name] = true
				v.desk.failed(v.bar, err)
				return
			}
			delete(v.failing, name)
			if len(v.failing) == 0 {
				v.bar.clear()
			}
			show()
		}
	})
}

// The days that are asked for, and those of them that the charts and tiles show.
const (
	statDays = 30
	mailDays = 14
	newDays  = 7
)

func (v *homeView) readStats() {
	v.read(partStats, func(ctx context.Context) (func(), error) {
		_, ahead := time.Now().Zone()
		stats, err := v.desk.client.Stats(ctx, statDays, time.Duration(ahead)*time.Second)
		return func() { v.showStats(stats) }, err
	})
}

func (v *homeView) showStats(s localapi.Stats) {
	fresh := 0
	for _, day := range lastDays(s.Days, newDays) {
		fresh += day.Accounts
	}
	note := tr("home.accounts.none_new")
	if fresh > 0 {
		note = trn("home.accounts.new", fresh)
	}
	v.accounts.show(number(s.Accounts), note, levelPlain)
	note = tr("home.registrations.none")
	if s.Registrations > 0 {
		note = tr("home.registrations.some")
	}
	v.registrations.show(number(s.Registrations), note, levelPlain)
	note = tr("home.companies.some")
	if s.Companies == 0 {
		note = tr("home.companies.none")
	}
	v.companies.show(number(s.Companies), note, levelPlain)
	showSignUps(v.signUps, s.Days)
	showMails(v.mails, lastDays(s.Days, mailDays))
}

// lastDays returns the last n days.
func lastDays(days []localapi.Day, n int) []localapi.Day { return days[max(len(days)-n, 0):] }

func (v *homeView) readMail() {
	v.read(partMail, func(ctx context.Context) (func(), error) {
		status, err := v.desk.client.MailStatus(ctx)
		return func() { v.showMail(status.Messages) }, err
	})
}

// showMail shows how many mails wait and have failed, by their states.
func (v *homeView) showMail(states map[string]int) {
	waits := states["queued"] + states["sending"] + states["deferred"] + states["held"]
	if failed := states["failed"]; failed > 0 {
		v.mail.show(number(waits), trn("home.mail.failed", failed), levelError)
		return
	}
	v.mail.show(number(waits), tr("home.mail.none_failed"), levelPlain)
}

func (v *homeView) readAttention() {
	v.read(partAttention, func(ctx context.Context) (func(), error) {
		notices, err := v.desk.client.Attention(ctx)
		return func() { v.attention.show(notices) }, err
	})
}

func (v *homeView) readSettings() {
	v.read(partSettings, func(ctx context.Context) (func(), error) {
		settings, err := v.desk.client.Settings(ctx)
		return func() { v.address.show(settings) }, err
	})
}

// eventCount is how many of the latest events are shown.
const eventCount = 8

func (v *homeView) readEvents() {
	v.read(partEvents, func(ctx context.Context) (func(), error) {
		page, err := v.desk.client.EventPage(ctx, localapi.EventFilter{}, "", eventCount)
		return func() { v.events.show(page.Items) }, err
	})
}

func (v *homeView) readServing() {
	v.read(partAddress, func(ctx context.Context) (func(), error) {
		address, err := v.desk.client.Address(ctx)
		return func() { v.showCertificate(address) }, err
	})
}

// showCertificate shows how many days the certificate of the pages is valid, or why there is none.
func (v *homeView) showCertificate(a localapi.Address) {
	c, now := a.Certificate, v.now()
	switch {
	case c != nil:
		note, l := tr("home.certificate.until", args{"Day": c.NotAfter.Local().Format(time.DateOnly)}), levelPlain
		switch certificateLevel(*c, now) {
		case levelError:
			note, l = tr("address.expired"), levelError
		case levelWarning:
			l = levelWarning
		default:
			if a.Problem != "" {
				note, l = tr("home.certificate.problem"), levelError
			}
		}
		v.certificate.show(number(daysLeft(c.NotAfter, now)), note, l)
	case addressMode(a) == servedAhead:
		v.certificate.show("–", tr("home.certificate.ahead"), levelPlain)
	case addressMode(a) == app.TLSOff:
		v.certificate.show("–", tr("home.certificate.none"), levelWarning)
	default:
		v.certificate.show("–", tr("home.certificate.missing"), levelError)
	}
}
