package localapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"foyer/app"
)

// checkSocketPath returns nil: the name of a pipe is always short enough.
func checkSocketPath(string) error { return nil }

// pipeAt returns the name of the pipe for a path, which need not be absolute.
func pipeAt(path string) (string, error) {
	if pipe := pipeName(path); pipe == path {
		return pipe, nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("path of the admin socket: %w", err)
	}
	return pipeName(path), nil
}

// listenAt returns a listener on the named pipe for path. It fails where there is one of that name already (FILE_CREATE).
func listenAt(_ context.Context, path string) (net.Listener, error) {
	pipe, err := pipeAt(path)
	if err != nil {
		return nil, err
	}
	own, err := ownSID()
	if err != nil {
		return nil, err
	}
	l, err := winio.ListenPipe(pipe, &winio.PipeConfig{SecurityDescriptor: pipeSDDL(own), InputBufferSize: 64 << 10, OutputBufferSize: 64 << 10})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_ALREADY_EXISTS) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil, app.Errorf(app.Conflict, "socket_taken", "another program answers at %s: stop it, or name another path with --socket", pipe)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on the admin pipe %s: %w", pipe, err)
	}
	return l, nil
}

// dialAt connects to the pipe for path. It tells the service who calls, but lets it do nothing in the caller's name
// (identification), and says nothing to a pipe that somebody else owns.
func dialAt(ctx context.Context, path string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: "pipe", Err: err} }
	pipe, err := pipeAt(path)
	if err != nil {
		return fail(err)
	}
	conn, err := winio.DialPipeAccessImpLevel(ctx, pipe, pipeAccess, winio.PipeImpLevelIdentification)
	if err != nil {
		return fail(err)
	}
	if err := checkOwner(conn); err != nil {
		return fail(errors.Join(err, conn.Close()))
	}
	return conn, nil
}

// checkOwner returns an error when the pipe is not the service's.
func checkOwner(conn net.Conn) error {
	pipe, err := handleOf(conn)
	if err != nil {
		return err
	}
	sd, err := windows.GetSecurityInfo(pipe, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("owner of the admin pipe: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("owner of the admin pipe: %w", err)
	}
	own, err := ownSID()
	if err != nil {
		return err
	}
	if !pipeOwnerTrusted(owner.String(), own) {
		return app.Errorf(app.Denied, "pipe_foreign", "what answers at the admin pipe runs as %s, which is not the service's account: nothing was said to it", owner)
	}
	return nil
}

// handleOf returns the handle of a pipe's connection.
func handleOf(conn net.Conn) (windows.Handle, error) {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return 0, fmt.Errorf("%T is not a named pipe", conn)
	}
	return windows.Handle(pipe.Fd()), nil
}

// ownSID returns the security identifier of the user this process runs as.
func ownSID() (string, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("the account of this process: %w", err)
	}
	return user.User.Sid.String(), nil
}

// ownPeer returns this process as a peer.
func ownPeer() Peer {
	sid, err := ownSID()
	return Peer{Known: err == nil, SID: sid}
}

// peerOf returns who connected: the token of the process at the time it opened the pipe. Our own client asks for that (static tracking,
// which is what CreateFile takes without SECURITY_CONTEXT_TRACKING), and it can be had at once. A client that lets the token
// follow it (dynamic tracking) has none before something it has written was read, and Windows promises none for any client before that
// (learn.microsoft.com: ImpersonateNamedPipeClient, ERROR_CANNOT_IMPERSONATE): then the error is errPeerLater. The token of the process by
// its number would say who it is now, not who it was, and of which process when the number was given out again.
func peerOf(conn net.Conn) (Peer, error) {
	pipe, err := handleOf(conn)
	if err != nil {
		return Peer{}, err
	}
	token, err := clientToken(pipe)
	if err != nil {
		return Peer{}, err
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return Peer{}, fmt.Errorf("user of the peer: %w", err)
	}
	groups, err := token.GetTokenGroups()
	if err != nil {
		return Peer{}, fmt.Errorf("groups of the peer: %w", err)
	}
	p := Peer{Known: true, SID: user.User.Sid.String()}
	for _, group := range groups.AllGroups() {
		// An administrator's groups are there without elevation too, but only to deny.
		if group.Attributes&windows.SE_GROUP_ENABLED != 0 && group.Attributes&windows.SE_GROUP_USE_FOR_DENY_ONLY == 0 {
			p.GroupSIDs = append(p.GroupSIDs, group.Sid.String())
		}
	}
	var pid uint32
	if err := windows.GetNamedPipeClientProcessId(pipe, &pid); err == nil { // only for the log
		p.PID = int32(pid)
	}
	return p, nil
}

// clientToken returns the token of a pipe's client, taken while this thread is the client. To be given back by Close.
func clientToken(pipe windows.Handle) (token windows.Token, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	impersonate := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")
	if err := impersonate.Find(); err != nil {
		return 0, err
	}
	ok, _, err := impersonate.Call(uintptr(pipe))
	if ok == 0 && errors.Is(err, windows.ERROR_CANNOT_IMPERSONATE) {
		return 0, errPeerLater
	}
	if ok == 0 {
		return 0, fmt.Errorf("impersonate the peer: %w", err)
	}
	defer func() {
		// A thread that stays somebody else must not go on (learn.microsoft.com, RevertToSelf).
		if err := windows.RevertToSelf(); err != nil {
			panic(fmt.Sprintf("revert to the service's own account: %v", err))
		}
	}()
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token); err != nil {
		return 0, fmt.Errorf("token of the peer: %w", err)
	}
	return token, nil
}
