package server

import (
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"foyer/app"
)

// newCheckups returns what looks at the whole service.
func (s *Server) newCheckups() *checkups {
	return &checkups{
		jobs: s.jobs, changes: s.store.Changes(), inspections: s.inspections,
		daily: func() bool { return s.service.Settings().Watching.CheckDaily },
	}
}

// newClockWatch returns what watches the clock. The service may still be missing.
func (s *Server) newClockWatch() *clockWatch {
	look := func(ctx context.Context) []app.Check {
		return (&clockCheck{service: s.service, transport: s.config.ProviderTransport}).look(ctx)
	}
	return &clockWatch{drift: wallDrift(), look: look, told: func() { s.store.Changes().Tell(app.TopicAttention) }, log: s.config.Log}
}

// inspections returns all there is to be looked at. Those that ask others come first: they take the longest.
func (s *Server) inspections(ctx context.Context) []inspection {
	pages := &pagesCheck{
		service: s.service, trial: s.trial, own: ownAddresses, serving: s.service.Serving, told: s.Announced,
		expires: func(notAfter time.Time) { s.certificateEnd.Store(&notAfter) },
	}
	way := &mailCheck{service: s.service, courier: s.courier}
	clock := &clockCheck{service: s.service, transport: s.config.ProviderTransport}
	all := []inspection{{areaPublicURL, pages.look}, {areaClock, clock.look}, {areaMail, way.look}, {areaMail, way.dnsChecks}}
	all = append(all, connectorInspections(ctx, s.service)...)
	return append(
		all,
		inspection{areaRedirects, redirectChecks(s.service)},
		inspection{areaPorts, s.portChecks},
		inspection{areaDisk, s.diskCheck},
		inspection{areaPermissions, func(context.Context) []app.Check {
			return permissionChecks(s.config.DataDir, s.config.Socket, os.Geteuid())
		}},
		inspection{areaBackups, backupChecks(s.backups)},
		inspection{areaDatabase, databaseCheck(s.store)},
	)
}

func (s *Server) diskCheck(ctx context.Context) []app.Check {
	figures, err := s.store.Figures(ctx)
	if err != nil {
		return []app.Check{found(app.CheckSkipped, "disk_unknown", s.config.DataDir, app.MessageOf(err))}
	}
	return diskChecks(s.config.DataDir, figures)
}

// ownAddresses returns the addresses of this machine's network interfaces.
func ownAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return own, nil
}
