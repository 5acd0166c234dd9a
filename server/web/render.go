package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"foyer/app"
)

// templates is every page's template, parsed once.
type templates struct {
	byName  map[string]*template.Template
	buffers sync.Pool // of *bytes.Buffer
	plain   sync.Map  // of *plainPage by plainKey
}

// sharedTemplates are the frame and the parts of every page; those one level up are the pages.
const sharedTemplates = "web/templates/shared/*.html"

func readTemplates(files fs.FS, static *static) (*templates, error) {
	shared, err := template.New("").Funcs(template.FuncMap{"static": static.url}).ParseFS(files, sharedTemplates)
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	names, err := fs.Glob(files, "web/templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	t := &templates{byName: map[string]*template.Template{}, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	for _, name := range names {
		page, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		if page, err = page.ParseFS(files, name); err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		t.byName[strings.TrimSuffix(path.Base(name), ".html")] = page.Lookup("page")
	}
	return t, nil
}

// maxPooledBuffer keeps an unusually large page from staying in memory.
const maxPooledBuffer = 64 << 10

// render writes a page. It is built wholly before its first byte is sent, so that a fault is never half a page.
// data has a page embedded.
func (s *site) render(w http.ResponseWriter, status int, name string, data any) error {
	t, ok := s.pages.byName[name]
	if !ok {
		return fmt.Errorf("no template %s", name)
	}
	buf, _ := s.pages.buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= maxPooledBuffer {
			s.pages.buffers.Put(buf)
		}
	}()
	buf.Reset()
	if err := t.Execute(buf, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return send(w, status, "text/html; charset=utf-8", buf.Bytes())
}

// plainKey names a page that shows nothing of who asks.
type plainKey struct{ name, lang, notice string }

// plainPage is such a page as it was built last, and the settings and connectors it was built from.
type plainPage struct {
	site, contact     string
	loginLink, secure bool
	connectors        []app.Connector
	body              []byte
}

// renderPlain writes a page that is the same for everybody in a language: it is built once, and again when the
// settings or connectors it shows have changed. Building takes some twenty times as long as sending. data is given the page it has
// to embed, and may add nothing that differs from visit to visit.
func (s *site) renderPlain(w http.ResponseWriter, r *http.Request, name string, data func(p *page) any) error {
	v := visitOf(r)
	p := v.page()
	p.noticed(r)
	key := plainKey{name, v.lang, p.Notice}
	built, _ := s.pages.plain.Load(key)
	if old, ok := built.(*plainPage); ok && old.shows(v) {
		return send(w, http.StatusOK, "text/html; charset=utf-8", old.body)
	}
	var buf bytes.Buffer
	if err := s.pages.byName[name].Execute(&buf, data(p)); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	s.pages.plain.Store(key, &plainPage{
		site: v.settings.SiteName, contact: v.settings.Contact, loginLink: v.settings.LoginLink, secure: v.settings.Secure(),
		connectors: v.connectors(), body: buf.Bytes(),
	})
	return send(w, http.StatusOK, "text/html; charset=utf-8", buf.Bytes())
}

// shows reports whether the page is what the settings and connectors of this visit give. page reads no others, but for
// pages of their own.
func (p *plainPage) shows(v *visit) bool {
	s := v.settings
	return p.site == s.SiteName && p.contact == s.Contact && p.loginLink == s.LoginLink && p.secure == s.Secure() &&
		slices.EqualFunc(p.connectors, v.connectors(), sameButton)
}

// send writes an answer whole. That its reader has gone is nobody's concern.
func send(w http.ResponseWriter, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader has gone: there is nobody to tell
	return nil
}
