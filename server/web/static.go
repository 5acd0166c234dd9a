package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"
)

// static is the files below /static/. Each has a part of its hash in its name, so that a browser may keep it for
// ever and still gets the new one after an update.
type static struct {
	files map[string]staticFile // by hashed name
	names map[string]string     // plain name to hashed name
}

type staticFile struct {
	kind string
	data []byte
}

// contentTypes are the kinds of files there are; they are not asked of the operating system.
func contentTypes() map[string]string {
	return map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
}

func readStatic(files fs.FS) (*static, error) {
	s := &static{files: map[string]staticFile{}, names: map[string]string{}}
	entries, err := fs.ReadDir(files, "web/static")
	if err != nil {
		return nil, fmt.Errorf("list static files: %w", err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		data, err := fs.ReadFile(files, "web/static/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read static file: %w", err)
		}
		ext := path.Ext(entry.Name())
		kind, ok := contentTypes()[ext]
		if !ok {
			return nil, fmt.Errorf("static file %s: unknown kind", entry.Name())
		}
		hash := sha256.Sum256(data)
		hashed := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(hash[:6]) + ext
		s.files[hashed] = staticFile{kind: kind, data: data}
		s.names[entry.Name()] = hashed
	}
	return s, nil
}

// url returns the path of a static file, for templates. An error when there is no such file.
func (s *static) url(name string) (string, error) {
	hashed, ok := s.names[name]
	if !ok {
		return "", fmt.Errorf("no static file %s", name)
	}
	return "/static/" + hashed, nil
}

func (s *site) showStatic(c *gin.Context) error {
	file, ok := s.static.files[c.Param("file")]
	if !ok {
		return refusal(http.StatusNotFound)
	}
	c.Writer.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return send(c.Writer, http.StatusOK, file.kind, file.data)
}
