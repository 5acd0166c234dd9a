//go:build !nogui

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/gui"
)

func TestGUIState(t *testing.T) {
	since := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		st   serviceStatus
		err  error
		want gui.ServiceState
	}{
		{serviceStatus{}, errors.New("no systemd"), gui.ServiceState{}},
		{
			serviceStatus{State: stateRunning, Installed: true, Running: true, Enabled: true, Since: &since, Version: "1.2.0", Program: "/usr/bin/foyer", Packaged: true},
			nil,
			gui.ServiceState{Managed: true, Installed: true, Running: true, Enabled: true, Since: since, Version: "1.2.0", Program: "/usr/bin/foyer", Packaged: true},
		},
		{
			serviceStatus{State: stateFailed, Installed: true, Detail: "the database is damaged", Reason: reasonData},
			nil,
			gui.ServiceState{Managed: true, Installed: true, Failed: true, Reason: gui.FailedData, Detail: "the database is damaged"},
		},
		{serviceStatus{State: stateFailed, Installed: true, Reason: reasonConfig}, nil, gui.ServiceState{Managed: true, Installed: true, Failed: true, Reason: gui.FailedConfig}},
	} {
		if got := guiState(c.st, c.err); got != c.want {
			t.Errorf("%+v:\n got %+v\nwant %+v", c.st, got, c.want)
		}
	}
}

// TestHostCommands has what to type.
func TestHostCommands(t *testing.T) {
	h := &host{executable: "/opt/our programs/foyer"}
	for got, want := range map[string]string{
		h.Command("start"):                                                "sudo '/opt/our programs/foyer' service start",
		h.InstallCommand(gui.InstallOptions{}):                            "sudo '/opt/our programs/foyer' service install",
		h.InstallCommand(gui.InstallOptions{Listen: "192.168.1.10:8090"}): "sudo '/opt/our programs/foyer' service install --listen 192.168.1.10:8090",
		h.InstallCommand(gui.InstallOptions{Listen: "[::1]:8090"}):        "sudo '/opt/our programs/foyer' service install --listen '[::1]:8090'",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestHostBackupKey makes a key that backups can be encrypted for.
func TestHostBackupKey(t *testing.T) {
	identity, recipient, err := (&host{}).NewBackupKey()
	if err != nil || !strings.HasPrefix(recipient, "age1") || !strings.Contains(identity, "# public key: "+recipient) || !strings.HasPrefix(identityLine(identity), "AGE-SECRET-KEY-1") {
		t.Errorf("got %q of %d bytes of identity, %v", recipient, len(identity), err)
	}
}

// TestHost runs what the desktop program asks of this machine. As root nothing asks for a password.
func TestHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a desktop would have to ask for a password")
	}
	asked := filepath.Join(t.TempDir(), "asked")
	h := &host{executable: fakeFoyer(t, `
echo "$*" >> `+asked+`
case "$2" in
list) echo '[{"name":"a.db","reason":"nightly","size":3}]' ;;
verify) echo '{"step":"read","done":1,"total":2}' >&2; echo '{"name":"a.db","companies":2,"has_key":true}' ;;
restore) echo '{"step":"replace","done":2,"total":2}' >&2 ;;
esac
`)}
	ctx := t.Context()
	var steps []gui.Progress
	tell := func(p gui.Progress) { steps = append(steps, p) }
	if kept, err := h.Backups(ctx); err != nil || len(kept) != 1 || kept[0].Name != "a.db" {
		t.Errorf("Backups: got %+v, %v", kept, err)
	}
	if check, err := h.VerifyFile(ctx, "/mnt/a b.db", "", tell); err != nil || check.Companies != 2 || !check.HasKey {
		t.Errorf("VerifyFile: got %+v, %v", check, err)
	}
	if err := h.Restore(ctx, gui.Restore{Backup: "a.db", Identity: "/mnt/foyer.key"}, tell); err != nil {
		t.Errorf("Restore: %v", err)
	}
	if err := h.Restore(ctx, gui.Restore{Backup: "a.db", Secret: "correct horse"}, tell); err != nil {
		t.Errorf("Restore: %v", err)
	}
	other := &host{executable: h.executable, elsewhere: true}
	if err := other.Restore(ctx, gui.Restore{Backup: "a.db"}, tell); app.ReasonOf(err) != "other_service" {
		t.Errorf("Restore of another service: %v", err)
	}
	if err := h.Control(ctx, "stop"); err != nil {
		t.Errorf("Control: %v", err)
	}
	for _, listen := range []string{"", ":8090"} {
		if err := h.Install(ctx, gui.InstallOptions{Listen: listen}); err != nil {
			t.Errorf("Install at %q: %v", listen, err)
		}
	}
	if want := []gui.Progress{{Step: "read", Done: 1, Total: 2}, {Step: "replace", Done: 2, Total: 2}, {Step: "replace", Done: 2, Total: 2}}; !slices.Equal(steps, want) {
		t.Errorf("told %+v, want %+v", steps, want)
	}
	got, err := os.ReadFile(asked)
	if want := `backup list --json
backup verify /mnt/a b.db --json --progress json
backup restore a.db --stop-service --yes --json --progress json --identity /mnt/foyer.key
backup restore a.db --stop-service --yes --json --progress json --passphrase-file -
service stop --json
service install --json
service install --json --listen :8090
`; err != nil || string(got) != want {
		t.Errorf("ran\n%swant\n%s(%v)", got, want, err)
	}
}
