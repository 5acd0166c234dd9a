package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// hidden reports whether r must not reach a terminal as it is: it would move the cursor, turn the direction of the
// text, or not be seen at all.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// safe returns s for a line on a terminal. Names, subjects and the words of mail servers come from strangers: what is
// hidden, and bytes that are no text, are written as Go escapes.
func safe(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// short returns s safe and cut to a width that leaves room for the other columns.
func short(s string, width int) string {
	s = safe(s)
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// say prints one line of what was done.
func (p *program) say(format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = safe(text)
		}
	}
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}

// printJSON prints v. What JSON leaves as it is and a terminal would act on is escaped: it means the same.
func (p *program) printJSON(v any) error {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	_, err := fmt.Fprint(p.out, safeJSON(b.String()))
	return err
}

func safeJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || !hidden(r):
			b.WriteRune(r)
		case r > 0xFFFF: // two UTF-16 halves (RFC 8259, 7)
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// table prints rows below a header, or the sentence none when there are no rows.
func (p *program) table(header []string, rows [][]string, none string) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(p.err, none)
		return err
	}
	return p.columns(append([][]string{header}, rows...))
}

// columns prints rows whose cells stand below each other.
func (p *program) columns(rows [][]string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, safe(cell))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	// Empty cells at the end of a row have left blanks.
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(p.out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// facts prints pairs of a name and a value, one a line.
func (p *program) facts(pairs ...string) error {
	var rows [][]string
	for i := 0; i+1 < len(pairs); i += 2 {
		rows = append(rows, []string{pairs[i] + ":", pairs[i+1]})
	}
	return p.columns(rows)
}

// list prints items as JSON or as a table.
func list[T any](p *program, items []T, none string, header []string, row func(T) []string) error {
	if p.json {
		return p.printJSON(append([]T{}, items...)) // never null
	}
	rows := make([][]string, 0, len(items))
	for _, item := range items {
		rows = append(rows, row(item))
	}
	return p.table(header, rows, none)
}

// collect returns what items gives, at most limit of it unless that is 0.
func collect[T any](items iter.Seq2[T, error], limit int) ([]T, error) {
	var out []T
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		if out = append(out, item); len(out) == limit {
			break
		}
	}
	return out, nil
}

// done prints what came of a change: v as JSON, or the sentence.
func (p *program) done(v any, format string, args ...any) error {
	if p.json {
		return p.printJSON(v)
	}
	return p.say(format, args...)
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func atOrNone(t *time.Time) string {
	if t == nil {
		return ""
	}
	return at(*t)
}

// atOr returns a time, or none when it is not known.
func atOr(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return at(*t) + " UTC"
}

// count returns a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
