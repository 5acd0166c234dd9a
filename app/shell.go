package app

import "strings"

// plainLetters are those that every shell takes as they are.
const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@"

// ShellWord returns a text as one word of a POSIX shell (2.2.2, single quotes), for commands that people copy. One that begins with a
// dash is quoted as well.
func ShellWord(text string) string {
	if text != "" && text[0] != '-' && strings.Trim(text, plainLetters) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
