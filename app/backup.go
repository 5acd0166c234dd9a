package app

import "time"

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
