package localapi

import (
	"io"
	"net/http"
)

// The parts of the package that its tests, and nobody else, reach for.
var (
	DecodeBody    = decodeBody
	Fill          = fill
	ErrorToWire   = encodeError
	ErrorFromWire = decodeError
)

const (
	MaxPerUser = maxPerUser
	MaxBody    = maxBody
)

// RouteNames returns the routes as "METHOD PATH", and whether they are open to everybody.
func RouteNames() map[string]bool {
	out := map[string]bool{}
	for _, rt := range (&handler{}).routes() {
		out[rt.method+" "+rt.path] = rt.open
	}
	return out
}

// BodyForms returns one empty value of every form a body may have.
func BodyForms() []func() any {
	return []func() any{
		func() any { return new(companyAdd) },
		func() any { return new(companyRename) },
		func() any { return new(companyAllow) },
		func() any { return new(companyDisallow) },
		func() any { return new(companyTenants) },
		func() any { return new(ListDraft) },
		func() any { return new(CompanySave) },
		func() any { return new(publicURLTest) },
		func() any { return new(settingsChange) },
		func() any { return new(connectorChange) },
		func() any { return new(programChange) },
		func() any { return new(messageTest) },
		func() any { return new(accountMove) },
	}
}

// LimitedBody returns a body that is cut as those of requests are.
func LimitedBody(r io.ReadCloser) io.Reader { return http.MaxBytesReader(nil, r, maxBody) }
