package store

import (
	"context"
	"database/sql"

	"foyer/app"
)

// Settings returns every stored setting as text, secrets in plain.
func (s *Store) Settings(_ context.Context) (map[string]string, error) {
	settings := map[string]string{}
	err := s.read.each("SELECT key, value FROM setting", nil, func(rows *sql.Rows) error {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		if isSecret(key) {
			// One that another key has sealed, before a backup was restored, is not set: see Lost.
			value, _ = s.seal.openText(value, place(key))
		}
		settings[key] = value
		return nil
	})
	return settings, errorOf("read settings", err)
}

// SaveSettings stores changed settings; secrets are sealed.
func (s *Store) SaveSettings(ctx context.Context, changes map[string]string, ev app.Event) error {
	return s.write(ctx, "save settings", func(tx *handle) error {
		for key, value := range changes {
			if isSecret(key) {
				value = s.seal.sealText(value, place(key))
			}
			_, err := tx.exec("INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
			if err != nil {
				return err
			}
		}
		return s.audit(tx, ev)
	})
}

func isSecret(key string) bool {
	def, err := app.SettingByKey(key)
	return err == nil && def.Secret()
}

func place(key string) string { return "setting|value|" + key }
