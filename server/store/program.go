package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"foyer/app"
)

// Programs returns all programs by name.
func (s *Store) Programs(context.Context) ([]app.Program, error) {
	var programs []app.Program
	err := s.read.each(`SELECT name, password_hash, senders, local_user, enabled, created_at, seen_at
FROM program
ORDER BY name`, nil, func(rows *sql.Rows) error {
		p, err := scanProgram(rows)
		programs = append(programs, p)
		return err
	})
	return programs, errorOf("list programs", err)
}

func scanProgram(row scanner) (p app.Program, err error) {
	var hash []byte
	var senders string
	var created int64
	var seen sql.NullInt64
	if err := row.Scan(&p.Name, &hash, &senders, &p.LocalUser, &p.Enabled, &created, &seen); err != nil {
		return p, err
	}
	if len(hash) != len(p.Password) {
		return p, fmt.Errorf("the password hash of the program %s has %d bytes", p.Name, len(hash))
	}
	p.Password = app.TokenHash(hash)
	p.CreatedAt, p.SeenAt = timeOf(created), timeOfNull(seen)
	p.Senders, err = app.ParseSenders(senders)
	return p, err
}

// AddProgram adds a program. Conflict, "program_taken" or "local_user_taken".
func (s *Store) AddProgram(ctx context.Context, p app.Program, ev app.Event) error {
	return s.write(ctx, "add program", func(tx *handle) error {
		if err := localUserFree(tx, p); err != nil {
			return err
		}
		_, err := tx.exec(`INSERT INTO program (name, password_hash, senders, local_user, enabled, created_at, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, NULL)`,
			p.Name, p.Password[:], p.SendersText(), p.LocalUser, p.Enabled, millis(p.CreatedAt))
		if isDuplicate(err) {
			e := app.Errorf(app.Conflict, "program_taken", "there is a program %q already", p.Name)
			e.Field = "name"
			return e
		}
		if err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
}

// localUserFree returns a Conflict, "local_user_taken", when another program has p's user.
func localUserFree(tx *handle, p app.Program) error {
	if p.LocalUser == "" {
		return nil
	}
	var other string
	err := tx.one("SELECT name FROM program WHERE local_user = $1 AND name <> $2", []any{p.LocalUser, p.Name}, &other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	e := app.Errorf(app.Conflict, "local_user_taken", "the processes of %s hand over their mail as %q already", p.LocalUser, other)
	e.Field = "local_user"
	return e
}

// SetProgram stores a program whole, but for when it was seen. NotFound; Conflict, "local_user_taken".
func (s *Store) SetProgram(ctx context.Context, p app.Program, ev app.Event) error {
	return s.write(ctx, "set program", func(tx *handle) error {
		if err := localUserFree(tx, p); err != nil {
			return err
		}
		n, err := tx.exec("UPDATE program SET password_hash = $1, senders = $2, local_user = $3, enabled = $4 WHERE name = $5",
			p.Password[:], p.SendersText(), p.LocalUser, p.Enabled, p.Name)
		return s.oneProgram(tx, p.Name, n, err, ev)
	})
}

// RemoveProgram removes a program; what it has handed over stays. NotFound.
func (s *Store) RemoveProgram(ctx context.Context, name string, ev app.Event) error {
	return s.write(ctx, "remove program", func(tx *handle) error {
		n, err := tx.exec("DELETE FROM program WHERE name = $1", name)
		return s.oneProgram(tx, name, n, err, ev)
	})
}

// oneProgram writes the event of a change that touched n programs, or returns why it cannot be.
func (s *Store) oneProgram(tx *handle, name string, n int64, err error, ev app.Event) error {
	switch {
	case err != nil:
		return err
	case n == 0:
		return app.Errorf(app.NotFound, "program_unknown", "there is no program %q", name)
	}
	return s.audit(tx, ev)
}

// TouchPrograms writes when programs were last seen.
func (s *Store) TouchPrograms(ctx context.Context, seen map[string]time.Time) error {
	return s.write(ctx, "touch programs", func(tx *handle) error {
		for name, at := range seen {
			if _, err := tx.exec("UPDATE program SET seen_at = $1 WHERE name = $2", millis(at), name); err != nil {
				return err
			}
		}
		return nil
	})
}
