package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// elevated returns the command line that runs foyer with args and with the right to change the machine, from a desktop: the
// system asks the person. It returns nil where nothing asks; the person then has to use a terminal. On Linux alone what it reads
// and prints is that of the command.
func elevated(args ...string) []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	return elevatedOn(runtime.GOOS, exe, exec.LookPath, args)
}

// elevatedOn is elevated for a system and a program.
func elevatedOn(goos, exe string, lookPath func(string) (string, error), args []string) []string {
	switch goos {
	case "linux":
		pkexec, err := lookPath("pkexec")
		if err != nil {
			return nil
		}
		return append([]string{pkexec, exe}, args...)
	case "darwin":
		words := []string{shellWord(exe)}
		for _, arg := range args {
			words = append(words, shellWord(arg))
		}
		script := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(strings.Join(words, " "))
		return []string{"/usr/bin/osascript", "-e", `do shell script "` + script + `" with administrator privileges`}
	case "windows":
		var words []string
		for _, arg := range args {
			words = append(words, windowsWord(arg))
		}
		// -ArgumentList is put together with blanks: one string that is quoted already.
		script := "exit (Start-Process -Verb RunAs -Wait -PassThru -WindowStyle Hidden -FilePath " + powershellWord(exe) +
			" -ArgumentList " + powershellWord(strings.Join(words, " ")) + ").ExitCode"
		return []string{"powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script}
	default:
		return nil
	}
}

// shellWord returns s as one word of a POSIX shell.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// powershellWord returns s as one literal string of PowerShell, for which a curly quote ends one too.
func powershellWord(s string) string {
	return "'" + strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b").Replace(s) + "'"
}

// windowsWord returns s as one word of a Windows command line (CommandLineToArgvW): backslashes count double before a quote.
func windowsWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(s) {
		switch s[i] {
		case '\\':
			slashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*slashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		slashes = 0
		b.WriteByte(s[i])
	}
	b.WriteString(strings.Repeat(`\`, 2*slashes) + `"`)
	return b.String()
}
