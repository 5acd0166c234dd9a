package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"foyer/app"
)

const tlsHostColumns = "host, seen_at, version, cipher, lost_at"

func scanTLSHost(row scanner) (h app.TLSHost, err error) {
	var seen int64
	var lost sql.NullInt64
	err = row.Scan(&h.Host, &seen, &h.Version, &h.Cipher, &lost)
	h.Seen, h.Lost = timeOf(seen), timeOfNull(lost)
	return h, err
}

// TLSHosts returns the mail servers that have had TLS, by name.
func (s *Store) TLSHosts(_ context.Context) ([]app.TLSHost, error) {
	var list []app.TLSHost
	err := s.read.each("SELECT "+tlsHostColumns+" FROM mail_tls ORDER BY host", nil, func(rows *sql.Rows) error {
		h, err := scanTLSHost(rows)
		list = append(list, h)
		return err
	})
	return list, errorOf("list mail servers with TLS", err)
}

// TLSHost returns a mail server that has had TLS. NotFound.
func (s *Store) TLSHost(_ context.Context, host string) (app.TLSHost, error) {
	h, err := scanTLSHost(s.read.row("SELECT "+tlsHostColumns+" FROM mail_tls WHERE host = $1", host))
	if errors.Is(err, sql.ErrNoRows) {
		return app.TLSHost{}, noTLSHost(host)
	}
	return h, errorOf("read mail server with TLS", err)
}

func noTLSHost(host string) error {
	return app.Errorf(app.NotFound, "tls_unknown", "nothing is remembered of a mail server %s; foyer mail tls list shows those of which something is", host)
}

// RememberTLS notes that a mail server has TLS, also when it had none in between.
func (s *Store) RememberTLS(ctx context.Context, h app.TLSHost) error {
	return s.write(ctx, "remember mail server with TLS", func(tx *handle) error {
		_, err := tx.exec(`INSERT INTO mail_tls (host, seen_at, version, cipher, lost_at) VALUES ($1, $2, $3, $4, NULL)
ON CONFLICT (host) DO UPDATE SET seen_at = excluded.seen_at, version = excluded.version, cipher = excluded.cipher, lost_at = NULL`,
			h.Host, millis(h.Seen), h.Version, h.Cipher)
		return err
	})
}

// LoseTLS notes that a mail server has TLS no more. The audit tells the first time.
func (s *Store) LoseTLS(ctx context.Context, host string, at time.Time, why string) error {
	return s.write(ctx, "note lost TLS", func(tx *handle) error {
		n, err := tx.exec("UPDATE mail_tls SET lost_at = $1 WHERE host = $2 AND lost_at IS NULL", millis(at), host)
		if err != nil || n == 0 {
			return err
		}
		return s.audit(tx, app.Event{At: at, Actor: "foyer", Action: app.ActMailTLSLost, Outcome: "tls_lost", Subject: host, Detail: why})
	})
}

// ForgetTLS forgets that a mail server has had TLS. NotFound.
func (s *Store) ForgetTLS(ctx context.Context, host string, ev app.Event) error {
	return s.write(ctx, "forget mail server with TLS", func(tx *handle) error {
		n, err := tx.exec("DELETE FROM mail_tls WHERE host = $1", host)
		if err != nil {
			return err
		}
		if n == 0 {
			return noTLSHost(host)
		}
		return s.audit(tx, ev)
	})
}

// STSPolicy returns the MTA-STS policy of a domain, expired or not. NotFound.
func (s *Store) STSPolicy(_ context.Context, domain string) (app.STSPolicy, error) {
	p := app.STSPolicy{Domain: domain}
	var mx string
	var fetched, expires int64
	err := s.read.one("SELECT id, mode, mx, fetched_at, expires_at FROM mta_sts WHERE domain = $1", []any{domain},
		&p.ID, &p.Mode, &mx, &fetched, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return app.STSPolicy{}, app.Errorf(app.NotFound, "sts_unknown", "no MTA-STS policy of %s is kept", domain)
	}
	p.MX, p.FetchedAt, p.ExpiresAt = strings.Fields(mx), timeOf(fetched), timeOf(expires)
	return p, errorOf("read MTA-STS policy", err)
}

// KeepSTSPolicy stores the MTA-STS policy of a domain in place of an earlier one.
func (s *Store) KeepSTSPolicy(ctx context.Context, p app.STSPolicy) error {
	return s.write(ctx, "keep MTA-STS policy", func(tx *handle) error {
		_, err := tx.exec(`INSERT INTO mta_sts (domain, id, mode, mx, fetched_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (domain) DO UPDATE SET id = excluded.id, mode = excluded.mode, mx = excluded.mx, fetched_at = excluded.fetched_at,
  expires_at = excluded.expires_at`,
			p.Domain, p.ID, p.Mode, strings.Join(p.MX, " "), millis(p.FetchedAt), millis(p.ExpiresAt))
		return err
	})
}
