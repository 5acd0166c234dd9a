package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/ntp"

	"foyer/app"
)

// How far this machine's clock may be off, either way.
const (
	clockWarns = 5 * time.Second
	clockFails = 60 * time.Second // then tokens of providers are refused
)

const (
	askTimeServer = 3 * time.Second
	askProvider   = 5 * time.Second
)

// clockCheck compares this machine's clock with one that is right.
type clockCheck struct {
	service   *app.Service
	transport http.RoundTripper // to identity providers; nil is the network
}

func (c *clockCheck) look(ctx context.Context) []app.Check {
	source := c.service.Settings().Watching.ClockSource
	if source == app.Off {
		return []app.Check{found(app.CheckSkipped, "clock_off", "", "the clock is compared with none: clock.source is off")}
	}
	ahead, err := askNTP(ctx, source)
	if err != nil {
		for _, issuer := range c.issuers(ctx) {
			if ahead, err = askDate(ctx, c.transport, issuer); err == nil {
				source = issuer
				break
			}
		}
	}
	if err != nil {
		return []app.Check{found(app.CheckSkipped, "clock_unreachable", source,
			"the time server "+source+" does not answer, and there is no identity provider whose clock could be compared; let UDP port 123 out, or set clock.source to a time server of the office")}
	}
	return []app.Check{judgeClock(source, ahead)}
}

// judgeClock says what it means that this machine's clock is ahead of the source's.
func judgeClock(source string, ahead time.Duration) app.Check {
	seconds := strconv.FormatFloat(ahead.Seconds(), 'f', 1, 64)
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	text := fmt.Sprintf("this machine's clock is %s %s that of %s", ahead.Abs().Round(100*time.Millisecond), way, source)
	const mend = "; let the system set it by itself (timedatectl set-ntp true, or the time service of Windows)"
	switch {
	case ahead.Abs() > clockFails:
		return found(app.CheckError, "clock_wrong", source, text+", so sign-ins with providers fail and codes expire at the wrong time"+mend, "Seconds", seconds)
	case ahead.Abs() > clockWarns:
		return found(app.CheckWarning, "clock_drifting", source, text+mend, "Seconds", seconds)
	default:
		return found(app.CheckOK, "clock_ok", source, "this machine's clock and that of "+source+" agree", "Seconds", seconds)
	}
}

// askNTP returns how far this machine's clock is ahead of a time server's (RFC 5905).
func askNTP(ctx context.Context, source string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeServer)
	defer cancel()
	resp, err := ntp.QueryWithOptions(source, ntp.QueryOptions{
		Timeout: askTimeServer,
		Dialer: func(_, remote string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", remote)
		},
	})
	if err != nil {
		return 0, fmt.Errorf("ask the time server: %w", err)
	}
	if err := resp.Validate(); err != nil {
		return 0, fmt.Errorf("ask the time server: %w", err)
	}
	return -resp.ClockOffset, nil
}

// issuers returns where the providers of the connectors that are switched on can be asked.
func (c *clockCheck) issuers(ctx context.Context) []string {
	connectors, err := c.service.Connectors(ctx)
	if err != nil {
		return nil
	}
	var issuers []string
	for _, s := range connectors {
		issuer := s.Issuer
		switch s.Kind {
		case app.ConnectorEntra:
			issuer = app.EntraIssuer(s.Tenant)
		case app.ConnectorGoogle:
			issuer = app.GoogleIssuer
		case app.ConnectorOIDC:
		}
		if s.Enabled && issuer != "" {
			issuers = append(issuers, issuer)
		}
	}
	return issuers
}

// askDate returns how far this machine's clock is ahead of what a web server says, to a second.
func askDate(ctx context.Context, transport http.RoundTripper, issuer string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askProvider)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("ask the provider for its time: %w", err)
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	begin := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the provider for its time: %w", err)
	}
	defer resp.Body.Close()
	middle := begin.Add(time.Since(begin) / 2)
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // only its head is of interest
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("the provider does not say what time it is: %w", err)
	}
	return middle.Sub(at.Add(500 * time.Millisecond)), nil // the second is cut off
}
