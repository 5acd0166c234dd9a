package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// templates is every page's template, parsed once.
type templates struct {
	byName  map[string]*template.Template
	buffers sync.Pool // of *bytes.Buffer
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

// send writes an answer whole. That its reader has gone is nobody's concern.
func send(w http.ResponseWriter, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader has gone: there is nobody to tell
	return nil
}
