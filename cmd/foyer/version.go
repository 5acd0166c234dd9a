package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

// release is the version of a package, which the linker writes into the program: it may be made of sources without their history.
var release string

// version returns the version of this program: that of its package, or the tag it was built from, as Go writes it into the
// binary.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// versions is what foyer version prints as JSON. Service is null when it is not running.
type versions struct {
	Version string            `json:"version"`
	API     int               `json:"api"`
	Go      string            `json:"go"`
	System  string            `json:"system"`
	Service *localapi.Version `json:"service"`
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this program and of the service",
		Long:    "Show the version of this program and, when it is running, of the service, and whether you\nmay administer it.",
		Example: "  foyer version\n  foyer version --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Version: version(), API: localapi.API, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
			service, err := p.client.Version(cmd.Context())
			if err == nil {
				v.Service = &service
			}
			if p.json {
				return p.printJSON(v)
			}
			return p.printVersions(v, err)
		},
	}
}

func (p *program) printVersions(v versions, serviceErr error) error {
	pairs := []string{"foyer", v.Version + " (" + v.Go + ", " + v.System + ")"}
	switch {
	case v.Service == nil:
		pairs = append(pairs, "service", app.MessageOf(serviceErr))
	case v.Service.Version != v.Version:
		pairs = append(pairs, "service", v.Service.Version+" at "+p.socketPath()+", another version than this program")
	default:
		pairs = append(pairs, "service", v.Service.Version+" at "+p.socketPath())
	}
	if v.Service != nil && v.Service.Starting != nil {
		pairs = append(pairs, "state", startingWords(v.Service.Starting.Step, v.Service.Starting.Done, v.Service.Starting.Total))
	}
	if v.Service != nil && !v.Service.Permitted {
		pairs = append(pairs, "permission", v.Service.Missing)
	}
	return p.facts(pairs...)
}
