package app

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Concern is something that wants the administrator's attention.
type Concern struct {
	Code    string // stable name
	Error   bool   // something does not work; otherwise it is to be watched
	Subject string // the connector, mail server, company or setting it is about; "" for none, or several
	Count   int    // how many it is about, where that is a number; 0 otherwise
	Text    string // what to do, in English
	Args    map[string]string
}

// AttentionFacts is what the store knows of what wants attention. It is read in a few milliseconds, however much there is.
type AttentionFacts struct {
	Failed     int      // mails that have failed in the last 24 hours
	Waiting    int      // mails that wait for more than an hour, after an attempt; of the ten thousand that were written first
	Suppressed int      // addresses that get no mail
	TLSLost    []string // the first mail servers that had TLS and have none
	Companies  bool     // there is a company
	Listed     bool     // an enabled company lists somebody
	DiskLow    bool     // nothing new is taken for lack of space
	DiskFailed bool     // nothing is taken, because the disk cannot be written to
}

// ListHealth is how the lists and the accounts go together. To know it every account is looked at.
type ListHealth struct {
	OffList int        // accounts that are not on their company's list
	Unused  EntryCount // entries that are old, of enabled companies of which nobody on the list has an account
	Warned  EntryCount // entries that would not be accepted as new
}

// EntryCount counts entries. Company is the name of the one company they are of, "" for several.
type EntryCount struct {
	Count   int
	Company string
}

// Add counts an entry of a company.
func (c *EntryCount) Add(company string) {
	if c.Count == 0 {
		c.Company = company
	} else if c.Company != company {
		c.Company = ""
	}
	c.Count++
}

// maxEach bounds how many concerns there are of one kind.
const maxEach = 5

// trafficWait bounds how long Attention waits for the queue, which may be writing to the disk.
const trafficWait = 30 * time.Millisecond

// Attention returns what wants attention, errors first. What takes longer to know is told as it was when it was last found
// out, or not at all; it is found out anew then, and TopicAttention told when it is another.
func (s *Service) Attention(ctx context.Context) ([]Concern, error) {
	facts, err := s.store.AttentionFacts(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	settings := s.Settings()
	serving, err := s.Serving(ctx)
	if err != nil {
		return nil, err
	}
	concerns := slices.Concat(
		diskConcerns(facts),
		servingConcerns(serving, time.Now()),
		s.backupConcerns(),
		s.connectorConcerns(time.Now()),
		mailConcerns(facts, settings),
		s.restingConcerns(ctx, settings),
		s.signUpConcerns(facts, settings),
		s.listHealth().concerns(),
	)
	if s.concerns != nil {
		concerns = append(concerns, s.concerns()...)
	}
	rank := func(c Concern) int {
		if c.Error {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(concerns, func(a, b Concern) int { return cmp.Compare(rank(a), rank(b)) })
	return concerns, nil
}

func diskConcerns(facts AttentionFacts) []Concern {
	var concerns []Concern
	if facts.DiskFailed {
		concerns = append(concerns, Concern{
			Code: "disk_failing", Error: true,
			Text: "the data cannot be written to the disk: mail and sign-ups are refused, and no mail leaves; see to the disk, and restart the service when it is well",
		})
	}
	if facts.DiskLow {
		concerns = append(concerns, Concern{Code: "disk_low", Error: true, Text: "the disk is full, and no new mail and no sign-ups are taken; make room"})
	}
	return concerns
}

func (s *Service) backupConcerns() []Concern {
	if s.backups == nil {
		return nil
	}
	return s.backups().concerns(time.Now())
}

// connectorConcerns is about connectors that are switched on: one that is off is meant to do nothing.
func (s *Service) connectorConcerns(now time.Time) []Concern {
	var concerns []Concern
	publicURL := s.Settings().PublicURL
	for _, c := range s.directory.Load().connectors {
		if !c.Enabled {
			continue
		}
		if f := c.secretFinding(now); f.Code != "" {
			days, _ := c.secretDays(now)
			concern := Concern{
				Code: "connector_secret_expiring", Subject: c.Name, Text: fmt.Sprintf("connector %s: %s", c.Name, f.Text),
				Args: map[string]string{"Day": c.SecretExpires.UTC().Format(time.DateOnly), "Days": strconv.Itoa(days)},
			}
			if days < 0 {
				concern.Code, concern.Error = "connector_secret_expired", true
			}
			concerns = append(concerns, concern)
		}
		for _, f := range c.Findings(publicURL, time.Time{}) {
			if f.Blocks {
				concerns = append(concerns, Concern{
					Code: "connector_blocked", Error: true, Subject: c.Name, Text: fmt.Sprintf("connector %s cannot work: %s", c.Name, f.Text),
					Args: map[string]string{"Finding": f.Code},
				})
				break // one says where to look; the page of the connector has them all
			}
		}
	}
	return concerns
}

func mailConcerns(facts AttentionFacts, settings Settings) []Concern {
	var concerns []Concern
	if settings.HoldMail {
		concerns = append(concerns, Concern{Code: "mail_held", Text: "no mail leaves while mail.hold is on; let it leave with: foyer settings set mail.hold=off"})
	}
	if settings.LoginLink && settings.Mail.Transport == "capture" {
		concerns = append(concerns, Concern{Code: "mail_captured", Text: "mail is kept here and sent nowhere, so nobody gets the link to confirm; set mail.transport"})
	}
	for _, host := range facts.TLSLost {
		concerns = append(concerns, Concern{
			Code: "mail_tls_lost", Error: true, Subject: host,
			Text: fmt.Sprintf("the mail server %s had TLS and offers none now, so it gets no mail; if that is right, say so with: foyer mail tls forget %s", host, host),
		})
	}
	if n := facts.Failed; n > 0 {
		concerns = append(concerns, Concern{
			Code: "mail_failed", Count: n, Text: counted(n, "mail has", "mails have") + " failed within a day; foyer mail list --state failed shows why",
		})
	}
	if n := facts.Waiting; n > 0 {
		concerns = append(concerns, Concern{
			Code: "mail_deferred_long", Count: n, Text: counted(n, "mail waits", "mails wait") + " for more than an hour; foyer mail list --state deferred shows why",
		})
	}
	if n := facts.Suppressed; n > 0 {
		concerns = append(concerns, Concern{
			Code: "suppressed_addresses", Count: n,
			Text: counted(n, "address gets", "addresses get") + " no more mail, because mail there has failed for good; foyer mail suppressed shows why",
		})
	}
	return concerns
}

// restingConcerns is about mail servers that were down when they were tried last. A queue that does not answer at once is
// working: what it would say can wait for the next time.
func (s *Service) restingConcerns(ctx context.Context, settings Settings) []Concern {
	ctx, cancel := context.WithTimeout(ctx, trafficWait)
	defer cancel()
	traffic, err := s.outbox.Traffic(ctx)
	if err != nil {
		return nil
	}
	var concerns []Concern
	for _, d := range traffic.Destinations {
		if d.RestsUntil.IsZero() || len(concerns) == maxEach {
			continue
		}
		concerns = append(concerns, Concern{
			Code: "mail_destination_resting", Error: settings.Mail.Transport == "smarthost", Subject: d.Name, // everything goes there
			Text: fmt.Sprintf("the mail server %s does not answer; mail to it waits and is tried again: foyer mail status", d.Name),
			Args: map[string]string{"Until": d.RestsUntil.UTC().Format(time.RFC3339)},
		})
	}
	return concerns
}

func (s *Service) signUpConcerns(facts AttentionFacts, settings Settings) []Concern {
	var concerns []Concern
	signsUp := func(c Connector) bool { return c.SignUp }
	switch {
	case !facts.Companies:
		concerns = append(concerns, Concern{Code: "no_companies", Text: "there is no company yet, so nobody can sign up; add one with: foyer company add NAME DOMAIN"})
	case facts.Listed && !settings.LoginLink && !slices.ContainsFunc(s.SignInConnectors(), signsUp):
		concerns = append(concerns, Concern{Code: "login_link_off", Text: "nobody can sign up: login_link is off, and no connector that works has its signup on; foyer settings set login_link=on"})
	}
	if s.isPublicURLUnset(settings) {
		concerns = append(concerns, Concern{
			Code: "public_url_unset", Subject: "public_url",
			Text: "nobody has said at which address browsers reach the pages, so links in mails may lead nowhere; set public_url",
		})
	}
	return concerns
}

// PublicURLUnset reports whether browsers elsewhere are not told of an address that they can reach although they should be.
func (s *Service) PublicURLUnset() bool { return s.isPublicURLUnset(s.Settings()) }

// isPublicURLUnset reports whether browsers elsewhere are not told of an address that they can reach although they should
// be: the pages are served to other machines, or mail leaves this one.
func (s *Service) isPublicURLUnset(settings Settings) bool {
	if stored := s.settings.Load().PublicURL; stored != "" && !IsLoopbackHost(hostOf(stored)) {
		return false
	}
	// What listens at every address of the machine has its name for a default, never an address of the loopback.
	listens, err := netip.ParseAddr(hostOf(s.publicURL))
	return err != nil || !listens.IsLoopback() || settings.Mail.Transport != "capture"
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (h ListHealth) concerns() []Concern {
	var concerns []Concern
	if n := h.OffList; n > 0 {
		concerns = append(concerns, Concern{
			Code: "accounts_off_list", Count: n,
			Text: counted(n, "account is not on its company's list any more and works", "accounts are not on their companies' lists any more and work") +
				" all the same; foyer account list --off-list shows which",
		})
	}
	if n := h.Warned.Count; n > 0 {
		concerns = append(concerns, Concern{
			Code: "entries_warned", Count: n, Subject: h.Warned.Company,
			Text: counted(n, "entry of the lists", "entries of the lists") + " would not be accepted today; foyer company show NAME says why",
		})
	}
	if n := h.Unused.Count; n > 0 {
		concerns = append(concerns, Concern{
			Code: "entries_unused", Count: n, Subject: h.Unused.Company,
			Text: counted(n, "entry of the lists has", "entries of the lists have") + " let nobody in for a month; see that the spelling is right with: foyer company show NAME",
		})
	}
	return concerns
}

// counted returns a number with what it is of.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
