package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// notWritable returns why nothing can be written in a directory, or "". Its attributes and its permissions tell less than a try.
func notWritable(dir string) string {
	f, err := os.CreateTemp(dir, ".foyer-*")
	switch {
	case errors.Is(err, windows.ERROR_WRITE_PROTECT):
		return "is read-only: see to the disk"
	case errors.Is(err, fs.ErrPermission):
		return "may not be written by the account of this process: run the service as the one it belongs to"
	case err != nil:
		return "" // what is written next says it better
	}
	_ = errors.Join(f.Close(), os.Remove(f.Name())) // an empty file that is found here harms nobody
	return ""
}

// tightenFile does nothing: the files have the permissions of their directory.
func tightenFile(string, fs.FileInfo) (was string, err error) { return "", nil }

// tightenDir takes the rights of others from a directory and all that is in it. What is made below ProgramData may be read by all
// users, which is inherited. It returns which rights they were, or "" when others had none.
func tightenDir(dir string, _ fs.FileInfo) (was string, err error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("the account of this process: %w", err)
	}
	who, others, err := allowed(dir, user.User.Sid.String())
	if err != nil || !others {
		return "", err
	}
	sddl := "D:P"
	for _, sid := range who {
		sddl += "(A;OICI;FA;;;" + sid + ")"
	}
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return "", fmt.Errorf("permissions %s: %w", sddl, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return "", err
	}
	return "those of its own or inherited list", windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
}

// serviceAccounts begins the security identifiers of the accounts that services have of their own (NT SERVICE\name).
const serviceAccounts = "S-1-5-80-"

// allowed returns who is to have a directory, the system, its administrators, this process's own account and the accounts of
// services that have it already, and whether others may do anything with it now.
func allowed(dir, own string) (who []string, others bool, err error) {
	who = []string{"SY", "BA", own}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil, false, fmt.Errorf("permissions: %w", err)
	}
	dacl, _, err := sd.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && dacl == nil {
		return who, true, nil // everybody may do anything
	}
	if err != nil {
		return nil, false, fmt.Errorf("permissions: %w", err)
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return nil, false, fmt.Errorf("permissions: %w", err)
		}
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
			others = others || ace.Header.AceType != windows.ACCESS_DENIED_ACE_TYPE
			continue
		}
		switch sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String(); {
		case sid == own, sid == "S-1-5-18", sid == "S-1-5-32-544":
		case strings.HasPrefix(sid, serviceAccounts):
			who = append(who, sid)
		default:
			others = true
		}
	}
	return who, others, nil
}

// renameDurably renames a file in its directory, and takes the place of one that is there. When it returns, a loss of power does
// not bring the old one back. A directory cannot be synced here.
func renameDurably(from, to string) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(old, name, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
