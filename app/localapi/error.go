package localapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"foyer/app"
)

// errorBody is how an error travels.
type errorBody struct {
	Error struct {
		Code    app.Code          `json:"code"`
		Field   string            `json:"field"`
		Reason  string            `json:"reason"`
		Message string            `json:"message"`
		Args    map[string]string `json:"args"`
	} `json:"error"`
}

// encodeError returns the status and the body that stand for err. The cause of an app.Error, and everything about
// an error that is none, stays here.
func encodeError(err error) (int, errorBody) {
	var body errorBody
	body.Error.Code, body.Error.Reason, body.Error.Message = app.CodeOf(err), app.ReasonOf(err), app.MessageOf(err)
	body.Error.Args = map[string]string{}
	if e, ok := errors.AsType[*app.Error](err); ok {
		body.Error.Field = e.Field
		if e.Args != nil {
			body.Error.Args = e.Args
		}
	}
	return statusOf(body.Error.Code), body
}

// decodeError returns the error that body stands for.
func decodeError(body errorBody) *app.Error {
	e := body.Error
	out := &app.Error{Code: e.Code, Field: e.Field, Reason: e.Reason, Message: e.Message}
	if len(e.Args) > 0 {
		out.Args = e.Args
	}
	return out
}

// ErrorJSON returns err as the API sends it, in one line: for a program that runs a command of this one.
func ErrorJSON(err error) ([]byte, error) {
	_, body := encodeError(err)
	return json.Marshal(body)
}

// ParseError returns the error that stands in a line, as ErrorJSON writes it, whatever stands before or behind it; nil when there is none.
func ParseError(line string) *app.Error {
	at := strings.Index(line, `{"error":`)
	if at < 0 {
		return nil
	}
	var body errorBody
	if json.NewDecoder(strings.NewReader(line[at:])).Decode(&body) == nil && body.Error.Code != "" {
		return decodeError(body)
	}
	return nil
}

func statusOf(code app.Code) int {
	switch code {
	case app.Invalid:
		return http.StatusBadRequest
	case app.NotFound:
		return http.StatusNotFound
	case app.Conflict:
		return http.StatusConflict
	case app.Denied, app.Closed:
		return http.StatusForbidden
	case app.Gone:
		return http.StatusGone
	case app.Limited:
		return http.StatusTooManyRequests
	case app.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
