package localapi

import (
	"context"
	"time"

	"foyer/app"
)

// AccountSession is a browser that is signed in to an account.
type AccountSession struct {
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	IP        string    `json:"ip"`
	Browser   string    `json:"browser"` // what it calls itself, shortened; "" when it is not known
	Through   string    `json:"through"` // the connector it came through; "" for the password
}

// AccountSessions returns the sessions of an account that are not over, the newest first. NotFound, Invalid.
func (c *Client) AccountSessions(ctx context.Context, email string) ([]AccountSession, error) {
	page, err := do[Page[AccountSession]](ctx, c, "GET", pathAccountSessions, email, nil)
	return page.Items, err
}

// EndSessions signs an account out everywhere and returns how many sessions that ended. NotFound, Invalid.
func (c *Client) EndSessions(ctx context.Context, email string) (int, error) {
	changed, err := do[Changed](ctx, c, "DELETE", pathAccountSessions, email, nil)
	return changed.Changed, err
}

// MoveAccount places an account in another company. Its list is not asked: an account that is not on it is marked so. NotFound, "company_unknown" as well;
// Invalid.
func (c *Client) MoveAccount(ctx context.Context, email, company string) (Account, error) {
	return do[Account](ctx, c, "POST", pathAccountMove, email, accountMove{Company: company})
}

// SendReset sends the owner of an account the mail with which a new password is chosen. NotFound, Invalid; Conflict when
// the account or its company is disabled, or mail to the address has failed for good.
func (c *Client) SendReset(ctx context.Context, email string) error {
	_, err := do[Message](ctx, c, "POST", pathAccountReset, email, nil)
	return err
}

type accountMove struct {
	Company string `json:"company"`
}

func (h *handler) accountSessions(r *request) (any, error) {
	list, err := h.Backend.AccountSessions(r.Context(), r.PathValue("email"))
	if err != nil {
		return nil, err
	}
	return page(list, -1, func(s app.Session) AccountSession {
		return AccountSession{CreatedAt: s.CreatedAt.UTC(), SeenAt: s.SeenAt.UTC(), IP: s.IP, Browser: s.Browser, Through: s.Through}
	}, nil), nil
}

func (h *handler) endSessions(r *request) (any, error) {
	n, err := h.Backend.EndSessions(r.Context(), r.actor(), r.PathValue("email"))
	return Changed{n}, err
}

func (h *handler) moveAccount(r *request) (any, error) {
	var body accountMove
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return account(h.Backend.MoveAccount(r.Context(), r.actor(), r.PathValue("email"), body.Company))
}

func (h *handler) sendReset(r *request) (any, error) {
	m, err := h.Backend.SendReset(r.Context(), r.actor(), r.PathValue("email"))
	if err != nil {
		return nil, err
	}
	return messageOf(m), nil
}
