package app

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Company is a customer company.
type Company struct {
	ID        int64
	Name      string
	Enabled   bool // a disabled company lets nobody in; its entries stay reserved
	CreatedAt time.Time
	Accounts  int // how many accounts it has
	Entries   []Entry
	Overlaps  []Overlap
	Tenants   []string // the Entra tenants whose people are its people; none says nothing
}

// Overlap is a hint: an entry of another company covers part of what Entry covers, or the other way round.
// Precedence decides between them; the administrator should know.
type Overlap struct {
	Entry        string // of this company
	Other        string // of the other company
	OtherCompany string
}

// Overlaps reports whether the two entries cover an address in common without being the same value.
func (e Entry) Overlaps(other Entry) bool {
	if e.Value == other.Value {
		return false
	}
	return covers(e, other) || covers(other, e)
}

// covers reports whether every address below inner is one that outer's value matches.
func covers(outer, inner Entry) bool {
	switch outer.Kind {
	case EntryWildcard:
		base := outer.Domain()
		return inner.Domain() == base || strings.HasSuffix(inner.Domain(), "."+base)
	case EntryDomain:
		return inner.Kind == EntryAddress && inner.Domain() == outer.Domain()
	default:
		return false
	}
}

// CompanyKey returns the form of a company's name by which two names count as the same.
func CompanyKey(name string) string { return strings.ToLower(norm.NFC.String(name)) }

// CheckCompanyName returns nil when name can be a company's name, or an Invalid error on field "name".
func CheckCompanyName(name string) error {
	why := checkText(name, 100)
	switch {
	case name == "":
		why = "it is empty"
	case why == "" && !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		why = "it has neither a letter nor a digit"
	}
	if why != "" {
		return Fieldf("name", "company_name_invalid", "%q cannot be a company's name: %s", name, why)
	}
	return nil
}

// checkText returns why s is not fit to be shown on a line of its own, in a mail, a window or a log, or "".
// Control characters, bidirectional overrides and invisible format characters can make one text look like
// another; blanks at the ends make two look the same.
func checkText(s string, maxRunes int) string {
	switch {
	case !utf8.ValidString(s):
		return "it is not valid text"
	case utf8.RuneCountInString(s) > maxRunes:
		return "it is too long"
	case s != strings.TrimSpace(s):
		return "it begins or ends with a blank"
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, invisible...) || r == utf8.RuneError || r == brailleBlank {
			return "it contains a character that cannot be shown"
		}
	}
	return ""
}

// invisible are the characters that show nothing, or change what others show. Format characters alone do not do:
// U+3164, a "letter" that looks like a blank, and the variation selectors are of other categories.
var invisible = []*unicode.RangeTable{
	unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co,
	unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point,
}

// brailleBlank is a symbol without dots.
const brailleBlank = '\u2800'
