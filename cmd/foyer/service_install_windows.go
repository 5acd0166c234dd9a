package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"golang.org/x/sys/windows"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// installedProgram is where install puts this program.
func installedProgram() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, windows.KF_FLAG_DEFAULT)
	if err != nil {
		dir = `C:\Program Files`
	}
	return filepath.Join(dir, "Foyer", "foyer.exe")
}

// programs are the program, and its twin for the console.
var programs = [...]string{"foyer.exe", "foyer.com"} //nolint:gochecknoglobals // Go has no constant of this kind

func (m systemService) install(ctx context.Context, want installation) (installResult, error) {
	before, err := m.status(ctx)
	if err != nil {
		return installResult{}, err
	}
	if before.Program != "" && !strings.EqualFold(before.Program, installedProgram()) {
		return installResult{}, app.Errorf(app.Conflict, "service_foreign", "there is a service foyer that runs %s: remove it first, with that program's service uninstall", before.Program)
	}
	if err := checkPlaces(); err != nil {
		return installResult{}, err
	}
	// The configuration says who may administer. Where an administrator has made the directory, others may have put one there.
	if !before.Installed {
		if err := checkPath(server.DefaultConfigFile, false); err != nil {
			return installResult{}, err
		}
	}
	config, text, err := planConfig(want)
	if err != nil {
		return installResult{}, err
	}
	if !before.Running {
		if err := checkAddress(ctx, cmp.Or(config.Listen, server.DefaultListen)); err != nil {
			return installResult{}, err
		}
	}
	r := replacing{before: before, stop: m.stop, start: m.start}
	changed, err := r.run(ctx, want.noStart, func(undo *undoing) (bool, error) { return place(before, config, text, undo) })
	if err != nil {
		return installResult{}, err
	}
	after, err := m.status(ctx)
	return installResult{
		serviceStatus: after, Changed: changed, Config: server.DefaultConfigFile, Written: text != "", Joined: []string{},
		Operators: append([]string{}, config.Operators...),
	}, err
}

// planConfig reads the configuration file, or decides what is written when there is none.
func planConfig(want installation) (server.Config, string, error) {
	_, err := os.Lstat(server.DefaultConfigFile)
	if err == nil {
		config, err := server.LoadConfig(server.DefaultConfigFile)
		if err == nil && (want.listen != "" || want.publicURL != "" || len(want.operators) > 0) {
			err = app.Errorf(app.Conflict, "config_exists", "%s is there already and is never changed by install: write into it what you want, and run this again without flags", server.DefaultConfigFile)
		}
		return config, "", err
	}
	config := server.Config{Listen: want.listen, PublicURL: want.publicURL, Operators: want.operators}
	if len(config.Operators) == 0 {
		// Who installs it may administer it without elevation too.
		user, err := windows.GetCurrentProcessToken().GetTokenUser()
		if err != nil {
			return config, "", fmt.Errorf("the account of this process: %w", err)
		}
		config.Operators = []string{user.User.Sid.String()}
	}
	text, err := configText(config)
	return config, text, err
}

// place puts the program, the service, its directories and its configuration where they belong. It reports whether anything was
// otherwise.
func place(before serviceStatus, config server.Config, text string, undo *undoing) (changed bool, err error) {
	if changed, err = placePrograms(undo); err != nil {
		return false, err
	}
	if !before.Installed {
		s, err := open(runner{})
		if err != nil {
			return false, err
		}
		if err := s.Install(); err != nil {
			return false, fmt.Errorf("install the service: %w", err)
		}
		undo.add(s.Uninstall)
		changed = true
	}
	if err := placeDirs(cmp.Or(config.DataDir, server.DefaultDataDir), undo); err != nil {
		return false, err
	}
	if text == "" {
		return changed, nil
	}
	undo.add(func() error { return ignoreMissing(os.Remove(server.DefaultConfigFile)) })
	if err := writeDurably(server.DefaultConfigFile, []byte(text), 0o600); err != nil {
		return false, fmt.Errorf("write the configuration file: %w", err)
	}
	return true, nil
}

// placePrograms copies this program, and its twin, to where the service runs it: nobody but administrators can change it there.
func placePrograms(undo *undoing) (changed bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("find this program: %w", err)
	}
	to := filepath.Dir(installedProgram())
	if strings.EqualFold(filepath.Dir(self), to) {
		return false, nil
	}
	switch err := os.Mkdir(to, 0o755); { //nolint:gosec // everybody may run it
	case err == nil:
		undo.add(func() error { return ignoreFull(os.Remove(to)) })
	case !errors.Is(err, os.ErrExist):
		return false, fmt.Errorf("directory of the program: %w", err)
	}
	for _, name := range programs {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(self), name)) //nolint:gosec // this program, or its twin
		if errors.Is(err, os.ErrNotExist) && name == programs[0] {
			data, err = os.ReadFile(self) //nolint:gosec // there is no desktop program beside it
		}
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read the program: %w", err)
		}
		did, err := placeProgram(filepath.Join(to, name), data, removeLater, undo)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	return changed, nil
}

// removeLater removes a file now, or, when it is a program that runs, as the machine starts the next time.
func removeLater(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
}

// Who may do what in the directories of the service: the system and the administrators everything, the service what is filled in, others
// nothing. Below ProgramData everybody could otherwise make files.
const placeSDDL = "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;%s;;;%s)"

// partingSDDL is that of the file in which the service says why it does not run, to everybody. Whoever knows the path of a file needs no
// right to the directories above it, unless the machine was told otherwise (SeChangeNotifyPrivilege).
const partingSDDL = "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FRFW;;;%s)(A;;FR;;;BU)"

// placeDirs makes the directory of the configuration, which the service may read, that of the data, which it may change, and the file of its
// parting words.
func placeDirs(data string, undo *undoing) error {
	account := localapi.ServiceSID(serviceName)
	if data != server.DefaultDataDir { // one that the configuration names
		if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
			return fmt.Errorf("make the directory of %s: %w", data, err)
		}
	}
	for _, dir := range []struct{ path, rights string }{{filepath.Dir(server.DefaultConfigFile), "FRFX"}, {data, "FA"}} {
		if err := placeDir(dir.path, fmt.Sprintf(placeSDDL, dir.rights, account), undo); err != nil {
			return err
		}
	}
	path := string(partingPath())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // a path of the installation
	switch {
	case err == nil:
		err = f.Close()
		undo.add(func() error { return ignoreMissing(os.Remove(path)) })
	case errors.Is(err, os.ErrExist):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("make the file %s: %w", path, err)
	}
	return protect(path, fmt.Sprintf(partingSDDL, account))
}

// placeDir makes a directory, or gives one that is there already its permissions.
func placeDir(path, sddl string, undo *undoing) error {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	// With its permissions from the first moment on.
	attributes := &windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(reflect.TypeOf(*attributes).Size()) //nolint:gosec // 24
	err = windows.CreateDirectory(name, attributes)
	switch {
	case err == nil:
		undo.add(func() error { return ignoreFull(ignoreMissing(os.Remove(path))) })
		return nil
	case !errors.Is(err, os.ErrExist):
		return fmt.Errorf("make the directory %s: %w", path, err)
	}
	if err := checkPath(path, true); err != nil {
		return err
	}
	return protect(path, sddl)
}

// protect gives a file or a directory, and what is in it, an owner and permissions.
func protect(path, sddl string) error {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return err
	}
	owner, _, errOwner := sd.Owner()
	dacl, _, errDACL := sd.DACL()
	if err := errors.Join(errOwner, errDACL); err != nil {
		return err
	}
	err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, dacl, nil)
	if err != nil {
		return fmt.Errorf("permissions of %s: %w", path, err)
	}
	return nil
}

// checkPlaces returns an error unless the directories of the service, if they are there, are the machine's own.
func checkPlaces() error {
	for _, dir := range []string{filepath.Dir(server.DefaultConfigFile), dataDir()} {
		if err := checkPath(dir, true); err != nil {
			return err
		}
	}
	return nil
}

// checkPath does so for one directory, or file.
func checkPath(path string, isDir bool) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("owner of %s: %w", path, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("owner of %s: %w", path, err)
	}
	name := owner.String()
	if account, domain, _, err := owner.LookupAccount(""); err == nil {
		name = domain + `\` + account
	}
	return checkPlace(path, isDir, info.Mode(), owner.String(), name)
}
