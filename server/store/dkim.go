package store

import (
	"context"
	"database/sql"
	"slices"

	"foyer/app"
)

func dkimPlace(algorithm string) string { return "dkim_key|private_key|" + algorithm }

// DKIMKeys returns the keys that sign mail, by algorithm, with their private parts in plain. One that another key has sealed,
// before a backup was restored, is not among them.
func (s *Store) DKIMKeys(_ context.Context) ([]app.DKIMKey, error) {
	keys, err := s.dkimKeys(s.read)
	return keys, errorOf("read DKIM keys", err)
}

func (s *Store) dkimKeys(h *handle) ([]app.DKIMKey, error) {
	var keys []app.DKIMKey
	err := h.each("SELECT algorithm, private_key, created_at FROM dkim_key ORDER BY algorithm", nil, func(rows *sql.Rows) error {
		var k app.DKIMKey
		var sealed []byte
		var created int64
		err := rows.Scan(&k.Algorithm, &sealed, &created)
		if err != nil {
			return err
		}
		k.CreatedAt = timeOf(created)
		if k.Private, err = s.seal.open(sealed, dkimPlace(k.Algorithm)); err == nil {
			keys = append(keys, k)
		}
		return nil
	})
	return keys, err
}

// AddDKIMKeys adds keys, sealed, and returns all there are then. Of two keys of one algorithm the first stays: its
// public part may be in the DNS already. One that cannot be opened makes room.
func (s *Store) AddDKIMKeys(ctx context.Context, keys []app.DKIMKey) (all []app.DKIMKey, err error) {
	err = s.write(ctx, "add DKIM keys", func(tx *handle) error {
		have, err := s.dkimKeys(tx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if !slices.ContainsFunc(have, func(h app.DKIMKey) bool { return h.Algorithm == k.Algorithm }) {
				if _, err := tx.exec("DELETE FROM dkim_key WHERE algorithm = $1", k.Algorithm); err != nil {
					return err
				}
			}
			_, err := tx.exec("INSERT INTO dkim_key (algorithm, private_key, created_at) VALUES ($1, $2, $3) ON CONFLICT (algorithm) DO NOTHING",
				k.Algorithm, s.seal.seal(k.Private, dkimPlace(k.Algorithm)), millis(k.CreatedAt))
			if err != nil {
				return err
			}
		}
		all, err = s.dkimKeys(tx)
		return err
	})
	return all, err
}
