package app

import "time"

// StoreFigures is how much is kept, and on what. It is read in a few milliseconds, however much there is.
type StoreFigures struct {
	Companies     int
	Accounts      map[AccountState]int
	Registrations int
	Sessions      int
	Messages      map[MessageState]int // that wait or are kept: MessageQueued, MessageDeferred, MessageHeld, MessageFailed, MessageCaptured
	Oldest        time.Time            // when the oldest mail that waits was written; zero when none does

	Schema   int64 // version of the database
	Database int64 // bytes of its file
	WAL      int64 // bytes of its write-ahead log
	Free     int64 // bytes that may still be written to its disk; -1 when that is not known
	Reserve  int64 // bytes that are set aside there
	Full     bool  // nothing new is taken for lack of space
	Failing  bool  // nothing is taken, because the disk cannot be written to
}
