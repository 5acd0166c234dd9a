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
	Reason  string `json:"reason,omitempty"`  // its stable name
	Message string `json:"message,omitempty"` // what it means
}

// healthTimeout is how long the service may take to say that it works.
const healthTimeout = 5 * time.Second

func (s *site) showHealth(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), healthTimeout)
	defer cancel()
	status, h := http.StatusOK, health{Status: "ok", Version: s.version}
	if err := s.health(ctx); err != nil {
		s.log.Warn("not healthy", "err", err)
		status, h = http.StatusServiceUnavailable, health{Status: "unavailable", Reason: cmp.Or(app.ReasonOf(err), "fault"), Message: app.MessageOf(err)}
	}
	body, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return send(c.Writer, status, "application/json", body)
}
