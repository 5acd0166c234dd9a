package store

import (
	"context"
	"database/sql"
	"fmt"

	"foyer/app"
)

func secretPlace(id int64) string { return fmt.Sprintf("connector|client_secret|%d", id) }

// Connectors returns all connectors by name, with their secrets in plain and without Tenants.
func (s *Store) Connectors(_ context.Context) ([]app.Connector, error) {
	var connectors []app.Connector
	err := s.read.each(`SELECT id, name, kind, label, client_id, client_secret, secret_expires, secret_warned, tenant, issuer, enabled, signup,
	trust_verified, created_at
FROM connector
ORDER BY name`, nil, func(rows *sql.Rows) error {
		c, err := s.scanConnector(rows)
		connectors = append(connectors, c)
		return err
	})
	return connectors, errorOf("list connectors", err)
}

func (s *Store) scanConnector(row scanner) (app.Connector, error) {
	var c app.Connector
	var sealed string
	var expires sql.NullInt64
	var created int64
	err := row.Scan(&c.ID, &c.Name, &c.Kind, &c.Label, &c.ClientID, &sealed, &expires, &c.SecretWarned, &c.Tenant, &c.Issuer, &c.Enabled,
		&c.SignUp, &c.TrustVerified, &created)
	if err != nil {
		return c, err
	}
	c.SecretExpires, c.CreatedAt = timeOfNull(expires), timeOf(created)
	if sealed != "" {
		// One that another key has sealed, before a backup was restored, is not set: see Lost.
		c.ClientSecret, _ = s.seal.openText(sealed, secretPlace(c.ID))
	}
	return c, nil
}

// sealedSecret returns what is stored of a connector's secret: "" stays "", and says that there is none.
func (s *Store) sealedSecret(c app.Connector) string {
	if c.ClientSecret == "" {
		return ""
	}
	return s.seal.sealText(c.ClientSecret, secretPlace(c.ID))
}

// AddConnector adds a connector and returns it with its ID. Conflict, "connector_taken", when the name is taken.
func (s *Store) AddConnector(ctx context.Context, c app.Connector, ev app.Event) (app.Connector, error) {
	c.ID = s.id("connector")
	err := s.write(ctx, "add connector", func(tx *handle) error {
		_, err := tx.exec(`INSERT INTO connector (id, name, kind, label, client_id, client_secret, secret_expires, secret_warned, tenant, issuer,
	enabled, signup, trust_verified, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			c.ID, c.Name, string(c.Kind), c.Label, c.ClientID, s.sealedSecret(c), nullMillis(c.SecretExpires), c.SecretWarned, c.Tenant,
			c.Issuer, c.Enabled, c.SignUp, c.TrustVerified, millis(c.CreatedAt))
		if isDuplicate(err) {
			return connectorTaken(c.Name)
		}
		if err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
	return c, err
}

// SetConnector stores a connector whole, by its ID. NotFound, "connector_unknown"; Conflict, "connector_taken", when
// another one has its name.
func (s *Store) SetConnector(ctx context.Context, c app.Connector, ev app.Event) error {
	return s.write(ctx, "set connector", func(tx *handle) error {
		n, err := tx.exec(`UPDATE connector SET name = $1, kind = $2, label = $3, client_id = $4, client_secret = $5, secret_expires = $6,
	secret_warned = $7, tenant = $8, issuer = $9, enabled = $10, signup = $11, trust_verified = $12
WHERE id = $13`,
			c.Name, string(c.Kind), c.Label, c.ClientID, s.sealedSecret(c), nullMillis(c.SecretExpires), c.SecretWarned, c.Tenant,
			c.Issuer, c.Enabled, c.SignUp, c.TrustVerified, c.ID)
		return s.oneConnector(tx, c.Name, n, err, ev)
	})
}

// RemoveConnector removes a connector; the identities that came through it stay. NotFound, "connector_unknown".
func (s *Store) RemoveConnector(ctx context.Context, name string, ev app.Event) error {
	return s.write(ctx, "remove connector", func(tx *handle) error {
		n, err := tx.exec("DELETE FROM connector WHERE name = $1", name)
		return s.oneConnector(tx, name, n, err, ev)
	})
}

// oneConnector writes the event of a change that touched n connectors, or returns why it cannot be.
func (s *Store) oneConnector(tx *handle, name string, n int64, err error, ev app.Event) error {
	switch {
	case isDuplicate(err):
		return connectorTaken(name)
	case err != nil:
		return err
	case n == 0:
		return app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
	}
	return s.audit(tx, ev)
}

func connectorTaken(name string) error {
	e := app.Errorf(app.Conflict, "connector_taken", "there is a connector %q already", name)
	e.Field = "name"
	return e
}
