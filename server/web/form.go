package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"
)

// form holds the values of a sent form: at most one for each name.
type form map[string]string

// has reports whether the form that was sent had the field, be it empty.
func (f form) has(name string) bool {
	_, ok := f[name]
	return ok
}

// boundBody answers 413 to a request that says its body is too long, and stops reading one that does not say so.
func (s *site) boundBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > s.maxBody {
			s.refuse(http.StatusRequestEntityTooLarge).ServeHTTP(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.maxBody)
		next.ServeHTTP(w, r)
	})
}

// readForm reads the body of a POST. Refusal 415 when it is not application/x-www-form-urlencoded, 413 when it is
// too long, 400 when it is malformed. A body of no bytes needs no type. The query is never part of a form.
func (v *visit) readForm(r *http.Request) error {
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return refusal(http.StatusUnsupportedMediaType)
	}
	body, err := io.ReadAll(r.Body)
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return refusal(http.StatusRequestEntityTooLarge)
	}
	if err != nil {
		return refusal(http.StatusBadRequest)
	}
	v.sent, err = parseBody(string(body))
	return err
}

func parseBody(body string) (url.Values, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, refusal(http.StatusBadRequest)
	}
	return values, nil
}

// form returns the named fields of what was sent. Refusal 400 when one of them has two values, because two readers
// could then disagree about which one counts (OWASP ASVS 15.3.7), or is not UTF-8. A field that was not sent is not
// in the form.
func (v *visit) form(names ...string) (form, error) { return pick(v.sent, names...) }

func pick(sent url.Values, names ...string) (form, error) {
	f := form{}
	for _, name := range names {
		values, ok := sent[name]
		if !ok {
			continue
		}
		if len(values) != 1 || !utf8.ValidString(values[0]) {
			return nil, refusal(http.StatusBadRequest)
		}
		f[name] = values[0]
	}
	return f, nil
}
