package localapi

import (
	"crypto/sha1" //nolint:gosec // Windows makes the identifier of a service by it
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
)

// pipePrefix begins the names of all named pipes of a Windows machine.
const pipePrefix = `\\.\pipe\`

// pipeName returns the named pipe that stands for an absolute path of Windows, which tells no upper from lower case. A path
// that is a pipe stands for itself.
func pipeName(path string) string {
	if strings.HasPrefix(strings.ToLower(path), pipePrefix) {
		return path
	}
	sum := sha256.Sum256([]byte(strings.ToLower(path)))
	return pipePrefix + "foyer-" + hex.EncodeToString(sum[:16])
}

// Security identifiers that every Windows has.
const (
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
)

// ServiceSID returns the security identifier of the service called name: its account NT SERVICE\name is a hash of the name.
func ServiceSID(name string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	sum := sha1.Sum(text) //nolint:gosec // not for secrecy
	var sid strings.Builder
	sid.WriteString("S-1-5-80")
	for part := range 5 {
		fmt.Fprintf(&sid, "-%d", binary.LittleEndian.Uint32(sum[4*part:]))
	}
	return sid.String()
}

// pipeOwnerTrusted reports whether what owns a pipe may be the service: the system, its administrators, the service's account, or
// the caller's own. Anybody could have made a pipe of that name while the service does not run, and would be told secrets.
func pipeOwnerTrusted(owner, own string) bool {
	switch owner {
	case "":
		return false
	case sidSystem, sidAdministrators, ServiceSID("foyer"), own:
		return true
	default:
		return false
	}
}

// pipeSDDL returns who owns, and who may do what with, the pipe of a service that runs as own. Everybody who is signed in at the machine may
// connect, and is told what is missing; who may do what is decided after that. They get neither FILE_CREATE_PIPE_INSTANCE (0x4),
// by which they could answer in the service's place, nor do those who come over the network get anything.
func pipeSDDL(own string) string {
	return "O:" + own + "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;" + own + ")(A;;" + fmt.Sprintf("%#x", pipeAccess) + ";;;IU)"
}

// pipeAccess is what a client asks for: FILE_GENERIC_READ and FILE_GENERIC_WRITE but for FILE_CREATE_PIPE_INSTANCE.
const pipeAccess = 0x12019b
