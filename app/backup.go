package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Why a backup was made.
const (
	BackupNightly = "nightly" // by the schedule
	BackupManual  = "manual"  // somebody asked for it
	BackupUpdate  = "update"  // before the database was brought up to date
	BackupRestore = "restore" // before a backup took the place of the data
)

// Backup is a file that holds everything Foyer knew at one time.
type Backup struct {
	Name      string // of the file, without its directory
	Reason    string // BackupNightly and so on
	At        time.Time
	Size      int64  // bytes
	SHA256    string // of the file, in hexadecimal digits
	Encrypted bool
	Version   string // of the program that made it; "" when that is not known
	Schema    int64  // version of the database
}

// BackupOptions say how a backup is made.
type BackupOptions struct {
	Recipients string // age public keys, separated by commas; "" is the setting backup.recipients
	Passphrase string // encrypts it instead; "" for none
}

// BackupStatus is which backups are kept, and how it stands with the next one.
type BackupStatus struct {
	Dir       string
	Backups   []Backup  // the latest first
	NextAt    time.Time // zero when none is scheduled
	FailedAt  time.Time // when the last one failed; zero when it did not
	Failure   string    // why, a sentence
	FreeBytes int64     // of the disk they are on
}

// BackupCheck is what a backup was found to hold. A damaged one is an error instead.
type BackupCheck struct {
	Name      string
	At        time.Time // when it was made; zero when that is not known
	Size      int64
	SHA256    string
	HashKnown bool // the sum was written down when it was made, and is that of the file
	Encrypted bool
	Version   string
	Schema    int64
	HasKey    bool // it holds the key of the secrets; they must be entered anew otherwise, unless secret.key is there
	Companies int
	Accounts  int
	Messages  int // mails that waited to be delivered
}

// BackupRecipients returns the age public keys that stand in a text, separated by commas, blanks or line ends.
func BackupRecipients(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// recipientLetters is the alphabet of Bech32 (BIP 173), in which age writes public keys.
const recipientLetters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// checkRecipients returns why one of several age public keys cannot be one, or "". A letter that is mistyped is found by the
// checksum. Keys of age plugins (age1yubikey1...) are none: the service has no plugins, and no backup would be made.
func checkRecipients(text string) string {
	for _, key := range BackupRecipients(text) {
		if !isRecipient(key) {
			return "\"" + key + "\" is not an age public key as in age1...; foyer backup key makes one"
		}
	}
	return checkText(text, 4000)
}

func isRecipient(key string) bool {
	const x25519, checksum = 52, 6 // letters
	cut := max(strings.LastIndexByte(key, '1'), 0)
	letters := len(key) - cut - 1 - checksum
	if kind := key[:cut]; kind == "age" && letters != x25519 || kind == "age1pq" && letters <= x25519 || kind != "age" && kind != "age1pq" {
		return false
	}
	sum := uint32(1)
	step := func(value uint32) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ value
		for i, generator := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= generator
			}
		}
	}
	for i := range cut {
		step(uint32(key[i]) >> 5)
	}
	step(0)
	for i := range cut {
		step(uint32(key[i]) & 31)
	}
	for i := cut + 1; i < len(key); i++ {
		value := strings.IndexByte(recipientLetters, key[i])
		if value < 0 {
			return false
		}
		step(uint32(value)) //nolint:gosec // below 32
	}
	return sum == 1
}

// checkSchedule takes a time of the day, or "off".
func checkSchedule(v string) string {
	if _, err := time.Parse("15:04", v); v == "off" || err == nil && len(v) == len("15:04") {
		return ""
	}
	return "write a time of the day as in 02:30, or off"
}

// BackupSettings say when backups are made and what becomes of them.
type BackupSettings struct {
	Schedule   string // of each night, "15:04" in local time, or "off"
	KeepDays   int    // how long nightly ones are kept; 0 is for ever
	Recipients string // age public keys; "" for backups that are not encrypted
}

// Last returns the latest time up to now at which a nightly backup was to be made, and the first one after it; zero times when
// none is. now says in which place.
func (s BackupSettings) Last(now time.Time) (last, next time.Time) {
	at, err := time.Parse("15:04", s.Schedule)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	day := func(offset int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+offset, at.Hour(), at.Minute(), 0, 0, now.Location())
	}
	if today := day(0); !today.After(now) {
		return today, day(1)
	}
	return day(-1), day(0)
}

// BackupHealth is how it stands with backups, as far as it wants attention.
type BackupHealth struct {
	Latest  time.Time // when the latest was made; zero when there is none
	Since   time.Time // since when they could have been made
	Off     bool      // none is made by itself
	Failure string    // why the last one failed, a sentence; "" when it did not
	Damaged string    // the name of the latest when it was found damaged
	Lost    []string  // secrets that cannot be opened with the key there is, and have to be entered anew
}

// backupsLate is the age from which on the latest backup wants attention.
const backupsLate = 7 * 24 * time.Hour

// backupsFirst is how long after the first start there may be none.
const backupsFirst = 2 * 24 * time.Hour

// concerns returns what of it wants attention.
func (h BackupHealth) concerns(now time.Time) []Concern {
	var concerns []Concern
	if h.Failure != "" {
		concerns = append(concerns, Concern{
			Code: "backup_failed", Error: true, Text: "the last backup has failed: " + h.Failure + "; try it with: foyer backup create", Args: map[string]string{"Why": h.Failure},
		})
	}
	if h.Damaged != "" {
		concerns = append(concerns, Concern{
			Code: "backup_damaged", Error: true, Subject: h.Damaged, Text: fmt.Sprintf("the backup %s is damaged; remove it, see to the disk, and make another with: foyer backup create", h.Damaged),
		})
	}
	switch {
	case h.Latest.IsZero() && (h.Off || now.Sub(h.Since) > backupsFirst):
		concerns = append(concerns, Concern{Code: "backup_none", Text: "there is no backup; make one with: foyer backup create"})
	case !h.Latest.IsZero() && now.Sub(h.Latest) > backupsLate:
		days := int(now.Sub(h.Latest) / (24 * time.Hour))
		concerns = append(concerns, Concern{
			Code: "backup_old", Count: days, Text: fmt.Sprintf("the latest backup is %d days old; make one with: foyer backup create", days), Args: map[string]string{"Days": strconv.Itoa(days)},
		})
	}
	if len(h.Lost) > 0 {
		concerns = append(concerns, Concern{
			Code: "secrets_lost", Error: true, Count: len(h.Lost),
			Text: "a backup was restored without its secret.key, so these have to be entered anew: " + strings.Join(h.Lost, ", "), Args: map[string]string{"What": strings.Join(h.Lost, ", ")},
		})
	}
	return concerns
}
