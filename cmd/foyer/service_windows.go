package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// serviceAccount is the account that Windows makes for the service alone. It has no password, and no rights but those it is given.
const serviceAccount = `NT SERVICE\` + serviceName

// serviceConfig is the service as Windows is to know it, which starts none again unless it is told. It may not start late either
// (DelayedAutoStart): people wait for the pages.
func serviceConfig() *service.Config {
	return &service.Config{
		Name: serviceName, DisplayName: "Foyer", Description: "Lets the people of customer companies create their own accounts",
		Arguments: []string{"serve"}, Executable: installedProgram(), UserName: serviceAccount,
		Option: service.KeyValue{"OnFailure": "restart", "OnFailureDelayDuration": "2s", "OnFailureResetPeriod": 3600},
	}
}

// installedProgram is where install puts this program.
func installedProgram() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, windows.KF_FLAG_DEFAULT)
	if err != nil {
		dir = `C:\Program Files`
	}
	return filepath.Join(dir, "Foyer", "foyer.exe")
}

// maxLog is how long each of the two files of the service's log gets.
const maxLog = 10 << 20

// logToFile lets the service log into its data directory: its standard error is nowhere.
func (p *program) logToFile(c server.Config) {
	p.out = io.Discard
	p.err = &logFile{path: filepath.Join(cmp.Or(p.data, c.DataDir, server.DefaultDataDir), "foyer.log"), most: maxLog}
}

// scm returns the service for looking at it, which needs no rights; nil when it is not installed. It is to be closed.
func scm() (*mgr.Service, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return nil, fmt.Errorf("ask the service manager: %w", err)
	}
	defer windows.CloseServiceHandle(manager) //nolint:errcheck // it was only asked
	name, err := windows.UTF16PtrFromString(serviceName)
	if err != nil {
		return nil, err
	}
	handle, err := windows.OpenService(manager, name, windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil, nil //nolint:nilnil // as the comment says
	}
	if err != nil {
		return nil, fmt.Errorf("ask the service manager: %w", err)
	}
	return &mgr.Service{Name: serviceName, Handle: handle}, nil
}

// stateWord returns a state of Windows in our words.
func stateWord(s svc.State) string {
	switch s {
	case svc.Running:
		return stateRunning
	case svc.StartPending:
		return stateStarting
	default:
		return stateStopped
	}
}

func (systemService) status(ctx context.Context) (serviceStatus, error) {
	st := serviceStatus{State: stateNotInstalled, Data: dataDir()}
	s, err := scm()
	if s == nil || err != nil {
		return st, err
	}
	defer s.Close()
	status, err := s.Query()
	if err != nil {
		return st, fmt.Errorf("ask the service manager: %w", err)
	}
	st.Installed, st.State, st.Running, st.PID = true, stateWord(status.State), status.State == svc.Running, int(status.ProcessId)
	if config, err := s.Config(); err == nil {
		st.Enabled = config.StartType == mgr.StartAutomatic
		st.Program = programOf(config.BinaryPathName)
	}
	if status.State == svc.Stopped && status.Win32ExitCode != 0 && status.Win32ExitCode != uint32(windows.ERROR_SERVICE_NEVER_STARTED) {
		st.State, st.Detail = stateFailed, "the event log says why (Event Viewer, Windows logs, Application, source foyer)"
	}
	if config, err := server.LoadConfig(""); err == nil {
		st.Address = addressOf(config)
	}
	if st.Running {
		v, _ := versionAt(ctx, "")
		st.Version = v.Version
	}
	return st, nil
}

// programOf returns the program of a command line.
func programOf(line string) string {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		program, _, _ := strings.Cut(quoted, `"`)
		return program
	}
	program, _, _ := strings.Cut(line, " ")
	return program
}

func (m systemService) install(ctx context.Context, want installation) (installResult, error) {
	before, err := m.status(ctx)
	if err != nil {
		return installResult{}, err
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
	if before.Program != "" && !strings.EqualFold(before.Program, installedProgram()) {
		return installResult{}, app.Errorf(app.Conflict, "service_foreign", "there is a service foyer that runs %s: remove it first, with that program's service uninstall", before.Program)
	}
	s, err := open(nil)
	if err != nil {
		return installResult{}, err
	}
	if before.Running {
		if err := s.Stop(); err != nil {
			return installResult{}, fmt.Errorf("stop the service: %w", err)
		}
	}
	if err := m.place(s, before, config, text); err != nil {
		return installResult{}, err
	}
	if !want.noStart {
		if err := m.start(ctx); err != nil {
			if !before.Installed {
				err = errors.Join(err, s.Uninstall())
			}
			return installResult{}, err
		}
	}
	after, err := m.status(ctx)
	return installResult{
		serviceStatus: after, Changed: true, Config: server.DefaultConfigFile, Written: text != "", Joined: []string{},
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

// place puts the program, the service, its directories and its configuration where they belong.
func (systemService) place(s service.Service, before serviceStatus, config server.Config, text string) error {
	if err := placeProgram(); err != nil {
		return err
	}
	if !before.Installed {
		if err := s.Install(); err != nil {
			return fmt.Errorf("install the service: %w", err)
		}
	}
	err := placeDirs(cmp.Or(config.DataDir, server.DefaultDataDir))
	if err == nil && text != "" {
		err = os.WriteFile(server.DefaultConfigFile, []byte(text), 0o600)
	}
	if err != nil && !before.Installed {
		err = errors.Join(err, s.Uninstall())
	}
	return err
}

// placeProgram copies this program, and its twin for the console, to where the service runs it: nobody but administrators can change
// it there. A program that runs cannot be overwritten, but renamed.
func placeProgram() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	to := filepath.Dir(installedProgram())
	if strings.EqualFold(filepath.Dir(self), to) {
		return nil
	}
	if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // everybody may run it
		return fmt.Errorf("directory of the program: %w", err)
	}
	for _, name := range []string{"foyer.exe", "foyer.com"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(self), name))
		if errors.Is(err, os.ErrNotExist) && name == "foyer.exe" {
			data, err = os.ReadFile(self) // there is no desktop program beside it
		}
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = replaceProgram(filepath.Join(to, name), data)
		}
		if err != nil {
			return fmt.Errorf("copy the program: %w", err)
		}
	}
	return nil
}

func replaceProgram(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o755); err != nil { //nolint:gosec // everybody may run it
		return err
	}
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return removeLater(path + ".old")
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

// placeDirs makes the directory of the configuration, which the service may read, and that of the data, which it may change. Others
// than administrators have no business in either; below ProgramData everybody could otherwise make files.
func placeDirs(data string) error {
	for _, dir := range []struct{ path, rights string }{{filepath.Dir(server.DefaultConfigFile), "FRFX"}, {data, "FA"}} {
		if err := os.MkdirAll(dir.path, 0o700); err != nil {
			return fmt.Errorf("make the directory %s: %w", dir.path, err)
		}
		sd, err := windows.SecurityDescriptorFromString("O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;" + dir.rights + ";;;" + localapi.ServiceSID(serviceName) + ")")
		if err != nil {
			return err
		}
		owner, _, errOwner := sd.Owner()
		dacl, _, errDACL := sd.DACL()
		if err := errors.Join(errOwner, errDACL); err != nil {
			return err
		}
		err = windows.SetNamedSecurityInfo(dir.path, windows.SE_FILE_OBJECT,
			windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, dacl, nil)
		if err != nil {
			return fmt.Errorf("permissions of %s: %w", dir.path, err)
		}
	}
	return nil
}

func (systemService) uninstall(context.Context) ([]string, error) {
	if err := unregister(); err != nil {
		return nil, err
	}
	removed := []string{serviceName}
	for _, name := range []string{"foyer.exe", "foyer.com"} {
		path := filepath.Join(filepath.Dir(installedProgram()), name)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := removeLater(path); err != nil {
			return removed, fmt.Errorf("remove the program: %w", err)
		}
		removed = append(removed, path)
	}
	return removed, nil
}

// purge deletes the data directory and the configuration file.
func (systemService) purge(context.Context) ([]string, error) {
	dir := dataDir()
	if _, err := purgeDir(dir); err != nil {
		return nil, err
	}
	if err := os.Remove(server.DefaultConfigFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("delete the configuration file: %w", err)
	}
	return []string{dir, server.DefaultConfigFile}, nil
}

func (m systemService) start(ctx context.Context) error {
	s, err := open(nil)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("start the service: %w", err)
	}
	return m.awaitStart(ctx)
}

func (m systemService) restart(ctx context.Context) error {
	s, err := open(nil)
	if err != nil {
		return err
	}
	if status, err := s.Status(); err == nil && status == service.StatusRunning {
		if err := s.Stop(); err != nil {
			return fmt.Errorf("stop the service: %w", err)
		}
	}
	return m.start(ctx)
}

func (systemService) stop(context.Context) error {
	s, err := open(nil)
	if err != nil {
		return err
	}
	return s.Stop()
}

// awaitStart waits until the service runs, which it says when it serves.
func (m systemService) awaitStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*startTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := m.status(ctx)
		switch {
		case err != nil:
			return err
		case st.Running:
			return nil
		case st.State != stateStarting:
			return app.Errorf(app.Unavailable, "start_failed", "the service does not start: %s", cmp.Or(st.Detail, "it ended at once"))
		}
		select {
		case <-ctx.Done():
			return app.Errorf(app.Unavailable, "start_slow", "the service is still starting; see it with: foyer service status")
		case <-tick.C:
		}
	}
}
