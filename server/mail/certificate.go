package mail

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// certificate is a certificate in files, which are read again when they have changed: those of ACME live for weeks.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamp   string // of the files it was loaded from
	checked time.Time
	failed  string // the stamp of files that could not be used
}

// certificateEvery is how often the files are looked at.
const certificateEvery = 10 * time.Second

func loadCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	return c, c.load(time.Now())
}

// load reads the files if they have changed.
func (c *certificate) load(now time.Time) error {
	c.checked = now
	stamp, err := stampOf(c.cert, c.key)
	if err != nil || stamp == c.stamp {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.loaded, c.stamp = &pair, stamp
	return nil
}

// get returns the certificate. While new files cannot be used, as between the writing of the one and the other, the old
// one is as good as before.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < certificateEvery {
		return c.loaded, nil
	}
	if err := c.load(now); err != nil && err.Error() != c.failed {
		c.failed = err.Error()
		c.log.Error("the new certificate of the mail listener cannot be used; the old one stays", "cert", c.cert, "key", c.key, "err", err)
	} else if err == nil {
		c.failed = ""
	}
	return c.loaded, nil
}

// stampOf returns what tells whether files are still what they were.
func stampOf(paths ...string) (string, error) {
	var stamp strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&stamp, "%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return stamp.String(), nil
}
