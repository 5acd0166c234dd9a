package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"foyer/app"
	"foyer/app/localapi"
)

// fakeFoyer returns a program that does what a script says.
func fakeFoyer(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foyer")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHostRun(t *testing.T) {
	var steps []string
	run := hostRun{
		args: []string{"backup", "restore", "my file.db"}, secret: "correct horse",
		progress: func(step string, done, total int64) { steps = append(steps, fmt.Sprint(step, " ", done, "/", total)) },
	}
	exe := fakeFoyer(t, `
echo "$*"; cat
echo 'a word' >&2
printf '{"step":"re' >&2; echo 'ad","done":1,"total":4}' >&2
echo '{"step":"replace","done":4,"total":4}' >&2
echo '{"other":1}' >&2
`)
	out, err := run.run(t.Context(), exe)
	if got, want := string(out), "backup restore my file.db --passphrase-file -\ncorrect horse\n"; got != want || err != nil {
		t.Errorf("the command was given %q, %v, want %q", got, err, want)
	}
	if want := []string{"read 1/4", "replace 4/4"}; !slices.Equal(steps, want) {
		t.Errorf("told %q, want %q", steps, want)
	}
}

func TestHostRunFails(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{`echo 'foyer: it is damaged' >&2; echo '{"step":"read","done":1,"total":0}' >&2; exit 6`, "it is damaged"},
		{`printf 'foyer: no line end' >&2; exit 1`, "no line end"},
		{`echo 'level=WARN' >&2; echo '{"error":{"code":"conflict","field":"listen","reason":"listen_taken","message":":80 is in use","args":{"Address":":80"}}}' >&2; exit 5`, ":80 is in use"},
		{`exit 1`, "foyer backup verify ended without a word"},
		{`exit 126`, "nothing was done: the password of an administrator was not given"},
	} {
		_, err := hostRun{args: []string{"backup", "verify", "x"}}.run(t.Context(), fakeFoyer(t, c.script))
		if got := app.MessageOf(err); got != c.want {
			t.Errorf("%s: got %q, want %q", c.script, got, c.want)
		}
	}
}

// TestHostRunNames expects the name and the values of an error of the command to come with it.
func TestHostRunNames(t *testing.T) {
	script := `echo 'execution error: {"error":{"code":"conflict","field":"listen","reason":"listen_taken","message":"in use","args":{"Address":":80"}}} (5)' >&2; exit 1`
	_, err := hostRun{args: []string{"service", "install"}}.run(t.Context(), fakeFoyer(t, script))
	e, ok := errors.AsType[*app.Error](err)
	if !ok || e.Code != app.Conflict || e.Reason != "listen_taken" || e.Field != "listen" || e.Args["Address"] != ":80" {
		t.Errorf("got %+v", e)
	}
}

func TestSecretFor(t *testing.T) {
	flag, input, remove, err := secretFor("correct horse", false)
	if err != nil || input != "" || len(flag) != 2 {
		t.Fatalf("got %q, %q, %v", flag, input, err)
	}
	info, err := os.Stat(flag[1])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if got, err := os.ReadFile(flag[1]); err != nil || string(got) != "correct horse\n" {
		t.Errorf("it holds %q, %v", got, err)
	}
	remove()
	if _, err := os.Stat(flag[1]); !os.IsNotExist(err) {
		t.Errorf("the passphrase stays behind: %v", err)
	}
	if flag, input, _, err := secretFor("", true); len(flag) > 0 || input != "" || err != nil {
		t.Errorf("no secret gives %q, %q, %v", flag, input, err)
	}
}

func TestIdentityLine(t *testing.T) {
	for secret, want := range map[string]string{
		"correct horse": "correct horse",
		"# created: today\r\n# public key: age1x\r\nAGE-SECRET-KEY-1XYZ\r\n": "AGE-SECRET-KEY-1XYZ",
	} {
		if got := identityLine(secret); got != want {
			t.Errorf("%q: got %q, want %q", secret, got, want)
		}
	}
}

func TestAnswerOf(t *testing.T) {
	got, err := answerOf[[]localapi.Backup]([]byte(`[{"name":"a.db","size":3}]`))
	if err != nil || len(got) != 1 || got[0].Name != "a.db" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := answerOf[localapi.BackupCheck]([]byte("usage: …")); !strings.Contains(app.MessageOf(err), "not understood") {
		t.Errorf("got %v", err)
	}
}
