package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// health is the answer to those who watch the service.
type health struct {
	Status  string `json:"status"`
	Version string `json:"version,omitempty"`
	// Instance is a random name of this start of the service: who asks at an address knows by it who answers.
	Instance string `json:"instance,omitempty"`
	Reason   string `json:"reason,omitempty"`  // its stable name
	Message  string `json:"message,omitempty"` // what it means
}

// healthTimeout is how long the service may take to say that it works.
const healthTimeout = 5 * time.Second

func (s *site) showHealth(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), healthTimeout)
	defer cancel()
	status, h := http.StatusOK, health{Status: "ok", Version: s.version, Instance: s.instance}
	if err := s.health(ctx); err != nil {
		s.log.Warn("not healthy", "err", err)
		status, h = http.StatusServiceUnavailable, health{Status: "unavailable", Instance: s.instance, Reason: cmp.Or(app.ReasonOf(err), "fault"), Message: app.MessageOf(err)}
	}
	return h.send(c.Writer, status)
}

func (h health) send(w http.ResponseWriter, status int) error {
	body, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return send(w, status, "application/json", body)
}

// refuseHost answers 421. Who watches is told who answers: the administrator may be about to give the pages this name.
func (s *site) refuseHost(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != healthPath {
		s.refuse(http.StatusMisdirectedRequest).ServeHTTP(w, r)
		return
	}
	h := health{Status: "misdirected", Instance: s.instance, Reason: "host_unknown", Message: "the pages do not answer to this name; it is not that of public_url"}
	if err := h.send(w, http.StatusMisdirectedRequest); err != nil {
		s.log.Error("health", "err", err)
	}
}

const healthPath = "/healthz"
