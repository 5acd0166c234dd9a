package app

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// Trial is what came of trying something out: its steps, up to the first that failed.
type Trial struct {
	OK      bool
	Steps   []TrialStep
	Verdict string // what has come of it and what to do next, a sentence
}

// TrialStep is one step of a trial.
type TrialStep struct {
	Name   string // stable, as "discovery"
	OK     bool
	Detail string // what was found, or what to do about it
	Took   time.Duration
}

// ProviderTrial asks a connector's provider what can be asked without a person, and returns the steps "discovery", "keys",
// "clock" and "client", up to the first that failed. They hold nothing secret, and nothing that the provider has sent but
// registered words.
type ProviderTrial interface {
	Try(ctx context.Context, c Connector, redirectURI string) []TrialStep
}

// PagesTrial asks for the pages at a public URL, as a browser on this machine would, and returns its steps, up to the first
// that failed.
type PagesTrial interface {
	Try(ctx context.Context, publicURL string) []TrialStep
}

// newTrial returns the trial of steps; done is its verdict when none has failed.
func newTrial(steps []TrialStep, done string) Trial {
	t := Trial{OK: true, Steps: steps, Verdict: done}
	for _, step := range steps {
		if !step.OK {
			t.OK, t.Verdict = false, step.Detail
		}
	}
	return t
}

// TestConnector asks a connector's provider what can be asked without a person; the connector need not be enabled. It
// changes nothing. NotFound; Unavailable when there is nobody to ask.
func (s *Service) TestConnector(ctx context.Context, name string) (Trial, error) {
	c, err := s.connector(name)
	if err != nil {
		return Trial{}, err
	}
	if s.providerTrial == nil {
		return Trial{}, Errorf(Unavailable, "trial_unavailable", "connectors cannot be tested here")
	}
	publicURL := s.Settings().PublicURL
	steps := connectorSteps(c, publicURL, time.Now())
	if steps[len(steps)-1].OK {
		steps = append(steps, s.providerTrial.Try(ctx, c, c.RedirectURI(publicURL))...)
	}
	done := c.Title() + " answers, and Foyer can speak to it; sign in once to see it whole"
	if !c.Enabled {
		done = c.Title() + " answers, and Foyer can speak to it; let people sign in with: foyer connector set " + c.Name + " enabled=on"
	}
	return newTrial(steps, done), nil
}

// connectorSteps returns the steps that need nobody: "settings" and "redirect".
func connectorSteps(c Connector, publicURL string, now time.Time) []TrialStep {
	urlCode, urlText := c.urlProblem(publicURL)
	var blocks, watch []string
	for _, f := range c.Findings(publicURL, now) {
		switch {
		case f.Code == urlCode:
		case f.Blocks:
			blocks = append(blocks, f.Text)
		default:
			watch = append(watch, f.Text)
		}
	}
	switch {
	case len(blocks) > 0:
		return []TrialStep{{Name: "settings", Detail: strings.Join(blocks, "; ")}}
	case len(watch) > 0:
		watch = append([]string{"complete"}, watch...)
	default:
		watch = []string{"complete"}
	}
	settings := TrialStep{Name: "settings", OK: true, Detail: strings.Join(watch, "; ")}
	if urlCode != "" {
		return []TrialStep{settings, {Name: "redirect", Detail: urlText}}
	}
	return []TrialStep{settings, {Name: "redirect", OK: true, Detail: c.RedirectURI(publicURL) + " is what must be registered there"}}
}

// TestPublicURL asks whether the pages answer at an address, as the setting public_url would have it; "" is the setting. It
// changes nothing. Invalid when it is no such address; Unavailable when there is nobody to ask.
func (s *Service) TestPublicURL(ctx context.Context, address string) (Trial, error) {
	settings, err := s.Settings().Change(map[string]string{"public_url": address})
	if err != nil {
		return Trial{}, err
	}
	if s.pagesTrial == nil {
		return Trial{}, Errorf(Unavailable, "trial_unavailable", "addresses cannot be tested here")
	}
	current := s.Settings().PublicURL
	if address == "" {
		settings.PublicURL = current
	}
	done := "the pages answer at " + settings.PublicURL + ", seen from this machine"
	if u, err := url.Parse(settings.PublicURL); err == nil && IsLoopbackHost(u.Hostname()) {
		done += "; others cannot reach them there: it is the address of a machine for itself"
	}
	if settings.PublicURL != current {
		done += "; use it with: foyer settings set public_url=" + settings.PublicURL
	}
	return newTrial(s.pagesTrial.Try(ctx, settings.PublicURL), done), nil
}
