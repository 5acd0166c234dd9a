package server

import (
	"context"
	"strings"

	"foyer/app"
)

// redirectChecks tells of each connector that is switched on whether its provider can send people back here.
func redirectChecks(service *app.Service) func(ctx context.Context) []app.Check {
	return func(ctx context.Context) []app.Check {
		connectors, err := service.Connectors(ctx)
		if err != nil {
			return []app.Check{found(app.CheckSkipped, "redirects_skipped", "", app.MessageOf(err))}
		}
		var checks []app.Check
		for _, c := range connectors {
			if c.Enabled {
				checks = append(checks, redirectCheck(c))
			}
		}
		if len(checks) == 0 {
			checks = append(checks, found(app.CheckSkipped, "redirects_none", "", "no connector is switched on"))
		}
		return checks
	}
}

func redirectCheck(c app.ConnectorState) app.Check {
	for _, f := range c.Findings {
		if f.Blocks && isAboutURL(f) {
			return found(app.CheckError, "redirect_impossible", c.Name, f.Text, "Finding", f.Code, "RedirectURI", c.RedirectURI)
		}
	}
	return found(app.CheckOK, "redirect_ok", c.Name, "what must be registered at "+c.Title()+" as the redirect URI is "+c.RedirectURI, "RedirectURI", c.RedirectURI)
}

// isAboutURL reports whether a finding is about where the pages are.
func isAboutURL(f app.Finding) bool { return strings.HasPrefix(f.Code, "public_url") }

// connectorInspections tries each connector that is switched on.
func connectorInspections(ctx context.Context, service *app.Service) []inspection {
	connectors, err := service.Connectors(ctx)
	if err != nil {
		return nil
	}
	var inspections []inspection
	for _, c := range connectors {
		if c.Enabled {
			inspections = append(inspections, inspection{areaConnectors, func(ctx context.Context) []app.Check { return connectorChecks(ctx, service, c) }})
		}
	}
	return inspections
}

func connectorChecks(ctx context.Context, service *app.Service, c app.ConnectorState) []app.Check {
	var checks []app.Check
	for _, f := range c.Findings {
		switch f.Code {
		case "secret_expired":
			checks = append(checks, found(app.CheckError, "connector_secret_expired", c.Name, f.Text))
		case "secret_expires":
			checks = append(checks, found(app.CheckWarning, "connector_secret_expiring", c.Name, f.Text))
		}
	}
	trial, err := service.TestConnector(ctx, c.Name)
	if err != nil {
		return append(checks, found(app.CheckSkipped, "connector_skipped", c.Name, app.MessageOf(err)))
	}
	last := trial.Steps[len(trial.Steps)-1]
	switch {
	case trial.OK:
		return append(checks, found(app.CheckOK, "connector_ok", c.Name, trial.Verdict))
	case last.Name == "redirect":
		return append(checks, found(app.CheckSkipped, "connector_redirect", c.Name, "its provider is not asked before it can send people back here; see the redirect URIs"))
	default:
		return append(checks, found(app.CheckError, "connector_"+last.Name, c.Name, trial.Verdict, "Step", last.Name))
	}
}
