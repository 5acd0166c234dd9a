package app_test

import (
	"strings"
	"testing"
	"time"

	"foyer/app"
)

func TestBackupTimes(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		parsed, err := time.ParseInLocation("2006-01-02 15:04", text, prague)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct{ schedule, now, last, next string }{
		{"02:30", "2026-11-27 02:29", "2026-11-26 02:30", "2026-11-27 02:30"},
		{"02:30", "2026-11-27 02:30", "2026-11-27 02:30", "2026-11-28 02:30"},
		{"23:59", "2026-12-31 10:00", "2026-12-30 23:59", "2026-12-31 23:59"},
		{"00:00", "2027-01-01 00:00", "2027-01-01 00:00", "2027-01-02 00:00"},
		{"03:30", "2026-10-25 12:00", "2026-10-25 03:30", "2026-10-26 03:30"}, // the night has an hour more
		{"03:30", "2026-03-29 12:00", "2026-03-29 03:30", "2026-03-30 03:30"}, // and here one less
	} {
		last, next := app.BackupSettings{Schedule: test.schedule}.Last(at(test.now))
		if !last.Equal(at(test.last)) || !next.Equal(at(test.next)) {
			t.Errorf("%s at %s: got %v and %v, want %s and %s", test.schedule, test.now, last, next, test.last, test.next)
		}
	}
	if last, next := (app.BackupSettings{Schedule: "off"}).Last(at("2026-11-27 12:00")); !last.IsZero() || !next.IsZero() {
		t.Errorf("off: %v, %v", last, next)
	}
}

func TestBackupSettingsAreChecked(t *testing.T) {
	const key = "age1ge25trgxlt6ankh2ygd3yeswzg35h2zhsgu3kzm7vc43sj2v3y3q5gt5nt"
	for _, test := range []struct {
		key, value string
		good       bool
	}{
		{"backup.schedule", "02:30", true},
		{"backup.schedule", "off", true},
		{"backup.schedule", "2:30", false},
		{"backup.schedule", "24:00", false},
		{"backup.schedule", "", false},
		{"backup.keep_days", "0", true},
		{"backup.keep_days", "-1", false},
		{"backup.recipients", "", true},
		{"backup.recipients", key, true},
		{"backup.recipients", key + ", " + key, true},
		{"backup.recipients", strings.Replace(key, "g", "q", 2), false},
		{"backup.recipients", key[:len(key)-1], false},
		{"backup.recipients", strings.ToUpper(key), false},
		{"backup.recipients", "age1", false},
		{"backup.recipients", "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", false},
		{"backup.recipients", "ssh-ed25519 AAAA", false},
		{"backup.recipients", key + ",jane@acme.example", false},
	} {
		_, err := app.Settings{}.Change(map[string]string{test.key: test.value})
		if good := err == nil; good != test.good || !good && app.ReasonOf(err) != "setting_invalid" {
			t.Errorf("%s=%q: %v, want it accepted: %t", test.key, test.value, err, test.good)
		}
	}
}
