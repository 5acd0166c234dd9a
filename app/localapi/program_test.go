package localapi_test

import (
	"log/slog"
	"strings"
	"testing"

	"foyer/app"
	"foyer/app/localapi"
)

// TestProgramOnTheWire expects the form that clients of other languages see. What was read can be sent back.
func TestProgramOnTheWire(t *testing.T) {
	backend := newOffice(t)
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	const program = `{"name":"scanner","senders":["scanner@office.example","office.example"],"local_user":"scan","enabled":true,"created_at":"2026-11-22T08:30:00Z","seen_at":null`
	for _, test := range []struct{ method, path, body, want string }{
		{"POST", "/v1/programs", `{"name":"scanner","senders":["scanner@office.example","office.example"],"local_user":"scan","enabled":true}`, program + `,"password":"the-password"}`},
		{"GET", "/v1/programs/scanner", "", program + "}"},
		{"GET", "/v1/programs", "", `{"items":[` + program + `}],"next":""}`},
		{"PATCH", "/v1/programs/scanner", `{"senders":"scanner@office.example, office.example","enabled":"on"}`, program + "}"},
		{"POST", "/v1/programs/scanner/password", `{}`, program + `,"password":"another-password"}`},
		{"GET", "/v1/mail/listener", "", `{"items":[{"address":"127.0.0.1:2525","tls":"none","open":true,"problem":""}],"next":""}`},
		{"DELETE", "/v1/programs/scanner", "", `{"removed":"scanner"}`},
	} {
		status, body := send(t, handler, test.method, test.path, test.body)
		if status != 200 || strings.TrimSpace(body) != test.want {
			t.Errorf("%s %s: got %d %s\nwant %s", test.method, test.path, status, body, test.want)
		}
	}
}

func TestProgramRefusals(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		status             int
		reason             string
	}{
		{"GET", "/v1/programs/none", "", 404, "program_unknown"},
		{"PATCH", "/v1/programs/none", `{"enabled":false}`, 404, "program_unknown"},
		{"PATCH", "/v1/programs/scanner", `{}`, 400, "program_keys_missing"},
		{"PATCH", "/v1/programs/scanner", `{"password":"x"}`, 404, "program_key_unknown"},
		{"PATCH", "/v1/programs/scanner", `{"name":"x"}`, 404, "program_key_unknown"},
		{"PATCH", "/v1/programs/scanner", `{"senders":[1]}`, 400, "body_invalid"},
		{"PATCH", "/v1/programs/scanner", `{"enabled":1}`, 400, "body_invalid"},
		{"PATCH", "/v1/programs/scanner", `{"local_user":null}`, 400, "body_invalid"},
		{"PATCH", "/v1/programs/scanner", `{"senders":["*.office.example"]}`, 400, "sender_invalid"},
		{"PATCH", "/v1/programs/scanner", `{"enabled":"yes"}`, 400, "program_invalid"},
		{"POST", "/v1/programs", `{"name":"scanner"}`, 409, "program_taken"},
		{"POST", "/v1/programs", `{"senders":"office.example"}`, 400, "program_name_invalid"},
		{"PUT", "/v1/programs/scanner", `{}`, 405, "method_unknown"},
	} {
		backend := newOffice(t)
		backend.programs["scanner"] = app.Program{Name: "scanner", Enabled: true}
		handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
		status, body := send(t, handler, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(body, `"reason":"`+tt.reason+`"`) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", tt.method, tt.path, tt.body, status, body, tt.status, tt.reason)
		}
	}
}
