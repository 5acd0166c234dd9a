package app

import "time"

// CheckState says what a check has found.
type CheckState string

// The states of a check.
const (
	CheckOK      CheckState = "ok"
	CheckWarning CheckState = "warning" // it works, and something should be done
	CheckError   CheckState = "error"   // it does not work
	CheckSkipped CheckState = "skipped" // it does not apply, or could not be looked at
)

// Check is one thing that was looked at.
type Check struct {
	Code    string // stable name of what was found, as in "disk_low"
	Area    string // what was looked at: "public_url", "dns", "certificate", "clock", "redirects", "connectors", "mail", "ports", "disk", "permissions", "backups", "database", "service"
	State   CheckState
	Subject string            // the connector, host, port or file it is about; "" for none
	Text    string            // what was found and what to do about it, sentences in English
	Args    map[string]string // values for sentences in another language
	Took    time.Duration
}

// Checkup is what came of looking at everything.
type Checkup struct {
	At     time.Time
	Checks []Check
}

// Count returns how many checks have a state.
func (c Checkup) Count(state CheckState) int {
	n := 0
	for _, check := range c.Checks {
		if check.State == state {
			n++
		}
	}
	return n
}
