package server

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portHolder returns the program that listens at the port of an address, as in "nginx, process 812", or its user when the
// program cannot be seen; "" when neither is known.
func portHolder(address string) string {
	_, text, err := net.SplitHostPort(address)
	port, portErr := strconv.ParseUint(text, 10, 16)
	if err != nil || portErr != nil {
		return ""
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if uid, inode, ok := listensIn(table, port); ok {
			if name, pid, ok := holderOf(inode); ok {
				return fmt.Sprintf("%s, process %s", name, pid)
			}
			return "of the user " + userOf(uid)
		}
	}
	return ""
}

// listensIn looks for who listens at a port in a table of the kernel (proc_pid_net(5)).
func listensIn(table string, port uint64) (uid int, inode string, ok bool) {
	f, err := os.Open(table) //nolint:gosec // a constant
	if err != nil {
		return 0, "", false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		const listening = "0A"
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		if got, err := strconv.ParseUint(hex, 16, 16); err != nil || got != port {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		return uid, fields[9], err == nil
	}
	return 0, "", false
}

// holderOf looks for the process that has a socket. Only root sees those of others.
func holderOf(inode string) (name, pid string, ok bool) {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "", "", false
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		comm, err := os.ReadFile(filepath.Join(process, "comm")) //nolint:gosec // below /proc
		return strings.TrimSpace(string(comm)), filepath.Base(process), err == nil
	}
	return "", "", false
}
