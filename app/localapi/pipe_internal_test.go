package localapi

import (
	"strings"
	"testing"
)

func TestPipeName(t *testing.T) {
	const own = `\\.\pipe\foyer-admin`
	for _, path := range []string{own, `\\.\PIPE\Foyer-Admin`} {
		if got := pipeName(path); got != path {
			t.Errorf("pipeName(%s): got %s, want it as it is", path, got)
		}
	}
	one, same, other := pipeName(`C:\Data\admin.sock`), pipeName(`c:\data\ADMIN.sock`), pipeName(`C:\Data2\admin.sock`)
	if one != same || one == other || !strings.HasPrefix(one, `\\.\pipe\foyer-`) || strings.Contains(strings.TrimPrefix(one, pipePrefix), `\`) {
		t.Errorf("got %s, %s, %s", one, same, other)
	}
}

// TestServiceSID compares with what Windows says of a service that all have: sc showsid TrustedInstaller.
func TestServiceSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	for _, name := range []string{"TrustedInstaller", "trustedinstaller"} {
		if got := ServiceSID(name); got != want {
			t.Errorf("ServiceSID(%s): got %s, want %s", name, got, want)
		}
	}
}

func TestPipeOwner(t *testing.T) {
	const me, you = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
	for owner, want := range map[string]bool{
		sidSystem: true, sidAdministrators: true, ServiceSID("foyer"): true, me: true,
		you: false, "": false, "S-1-5-32-545": false, "S-1-1-0": false, ServiceSID("spooler"): false,
	} {
		if got := pipeOwnerTrusted(owner, me); got != want {
			t.Errorf("a pipe of %q: got trusted %v, want %v", owner, got, want)
		}
	}
}

// TestPipeAccess expects that whoever may only connect cannot make an instance of the pipe and answer in the service's place.
func TestPipeAccess(t *testing.T) {
	const createInstance, readData, writeData, readControl, writeDAC, writeOwner = 0x4, 0x1, 0x2, 0x20000, 0x40000, 0x80000
	if pipeAccess&(createInstance|writeDAC|writeOwner) != 0 || pipeAccess&readData == 0 || pipeAccess&writeData == 0 || pipeAccess&readControl == 0 {
		t.Errorf("got %#x", pipeAccess)
	}
	got, want := pipeSDDL("S-1-5-21-1"), "O:S-1-5-21-1D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;S-1-5-21-1)(A;;0x12019b;;;IU)"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
