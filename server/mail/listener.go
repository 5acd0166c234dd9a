package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"foyer/app"
)

// Office is what a Listener needs of the domain. *app.Service is one.
type Office interface {
	Settings() app.Settings

	// AnyProgram reports whether a program may hand over mail at all, AnyLocalUser whether one may without a password.
	AnyProgram() bool
	AnyLocalUser() bool

	// Program returns a program by its name. NotFound.
	Program(ctx context.Context, name string) (app.Program, error)

	// SignInProgram returns the program of that name and password. Denied, or Limited after too many wrong ones from the
	// client's address.
	SignInProgram(ctx context.Context, name, password, ip string) (app.Program, error)

	// LocalProgram returns the program of a user of this machine, given by name and number. Denied.
	LocalProgram(user ...string) (app.Program, error)

	// Submit takes a mail. It is durable when Submit returns nil, and not taken otherwise.
	Submit(ctx context.Context, sub app.Submission) error
}

// The kinds of TLS a Listener speaks.
const (
	TLSStart    = "starttls"
	TLSImplicit = "implicit"
)

// The defaults of a ListenerConfig.
const (
	DefaultSubmission       = "127.0.0.1:2525"
	DefaultConnections      = 200
	DefaultConnectionsPerIP = 50
	DefaultSubmissionMiB    = 256
	DefaultCommandTimeout   = 5 * time.Minute // RFC 5321, 4.5.3.2.7
	DefaultDataTimeout      = 5 * time.Minute
	DefaultReplyTimeout     = time.Minute
)

// ListenerConfig says where and how programs hand over mail. A zero field means its default.
type ListenerConfig struct {
	Listen []string // HOST:PORT each, or just "off"
	TLS    string   // TLSStart or TLSImplicit
	Cert   string   // file with the certificate and what it was signed by, PEM; "" for no TLS
	Key    string   // file with its key

	Connections      int           // at one time, in all
	ConnectionsPerIP int           // at one time, from one address
	MemoryMiB        int           // for mails that are being received
	CommandTimeout   time.Duration // for each command, and for signing in
	DataTimeout      time.Duration // for the whole of a mail
	WriteTimeout     time.Duration // for a client to take an answer

	// LocalUser returns name and number of the user whose process is at the other end of a connection within this
	// machine. nil is a system that does not tell.
	LocalUser func(client, server netip.AddrPort) ([]string, error)
	// Certificate returns what gives the certificate in the files Cert and Key, or an error when they cannot be used.
	Certificate func(cert, key string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error)
	Log         *slog.Logger

	listen func(ctx context.Context, network, address string) (net.Listener, error) // nil is the system's
}

func (c ListenerConfig) withDefaults() ListenerConfig {
	if len(c.Listen) == 0 {
		c.Listen = []string{DefaultSubmission}
	}
	if c.TLS == "" {
		c.TLS = TLSStart
	}
	for value, def := range map[*int]int{
		&c.Connections: DefaultConnections, &c.ConnectionsPerIP: DefaultConnectionsPerIP, &c.MemoryMiB: DefaultSubmissionMiB,
	} {
		if *value <= 0 {
			*value = def
		}
	}
	for value, def := range map[*time.Duration]time.Duration{
		&c.CommandTimeout: DefaultCommandTimeout, &c.DataTimeout: DefaultDataTimeout, &c.WriteTimeout: DefaultReplyTimeout,
	} {
		if *value <= 0 {
			*value = def
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.listen == nil {
		c.listen = new(net.ListenConfig).Listen
	}
	return c
}

// Listener is where the office's programs hand over mail: SMTP submission (RFC 6409). Its ports are open only while there
// is a program that may. It is an app.MailListener.
type Listener struct {
	config  ListenerConfig
	tls     *tls.Config // nil without a certificate
	doors   []*door
	kick    chan chan struct{} // each is closed when the doors are as they should be
	running chan struct{}      // closed when Run begins
	ended   chan struct{}      // and when it ends
	office  Office
	server  *smtp.Server
	ctx     context.Context // of everything under way; ends when the shutdown takes too long
	serving sync.WaitGroup
	memory  atomic.Int64 // bytes of mails that are being received

	mu       sync.Mutex // guards what follows, and the doors
	clients  map[*client]bool
	perIP    map[netip.Prefix]int
	stopping bool
}

// door is one address.
type door struct {
	app.ListenState
	listen   string       // as configured; with port 0 the system chooses one
	listener net.Listener // nil while it is shut
}

// NewListener returns a listener for a configuration, or an Invalid error that says what is wrong with it. It opens
// nothing yet, but reads the certificate.
func NewListener(c ListenerConfig) (*Listener, error) {
	c = c.withDefaults()
	l := &Listener{config: c, kick: make(chan chan struct{}), running: make(chan struct{}), ended: make(chan struct{}), clients: map[*client]bool{}, perIP: map[netip.Prefix]int{}}
	if c.TLS != TLSStart && c.TLS != TLSImplicit {
		return nil, badListener(`tls: write "starttls" or "implicit"`)
	}
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return nil, badListener("tls_cert and tls_key belong together: name both files")
	case c.Cert == "" && c.TLS == TLSImplicit:
		return nil, badListener(`tls = "implicit" needs tls_cert and tls_key`)
	case c.Cert != "":
		get, err := c.Certificate(c.Cert, c.Key)
		if err != nil {
			return nil, &app.Error{
				Code: app.Invalid, Reason: "config_value", Err: err,
				Message: fmt.Sprintf("[smtp]: the certificate %s with the key %s cannot be used", c.Cert, c.Key),
			}
		}
		l.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get}
	}
	if len(c.Listen) == 1 && c.Listen[0] == "off" {
		return l, nil
	}
	for _, address := range c.Listen {
		d, err := l.newDoor(address)
		if err != nil {
			return nil, err
		}
		l.doors = append(l.doors, d)
	}
	return l, nil
}

func badListener(format string, args ...any) error {
	return app.Errorf(app.Invalid, "config_value", "[smtp]: "+format, args...)
}

// newDoor refuses an address others can reach when passwords would go there in plain text.
func (l *Listener) newDoor(address string) (*door, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return nil, badListener(`listen: %q is not HOST:PORT, as in 127.0.0.1:2525; "off" stands alone`, address)
	}
	d := &door{listen: address, ListenState: app.ListenState{Address: address, TLS: "none"}}
	if l.tls != nil {
		d.TLS = l.config.TLS
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "localhost" || err == nil && ip.IsLoopback():
	case host != "" && err != nil:
		return nil, badListener("listen: %q has a name; write an address of this machine, as in 192.0.2.1:587, or :587 for all of them", address)
	case l.tls == nil:
		return nil, badListener("listen: %s can be reached from other machines, and passwords would go there in plain text: name tls_cert and tls_key, or listen at 127.0.0.1", address)
	}
	return d, nil
}

// Look makes the listener look whether it has to be open, and returns when that is done.
func (l *Listener) Look() {
	select {
	case <-l.running:
	default:
		return // Run begins with a look
	}
	done := make(chan struct{})
	select {
	case l.kick <- done:
		<-done
	case <-l.ended:
	}
}

// Status returns the addresses as they are now, in the order of the configuration.
func (l *Listener) Status() []app.ListenState {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make([]app.ListenState, len(l.doors))
	for i, d := range l.doors {
		states[i] = d.ListenState
	}
	return states
}

// retryEvery is how often an address that could not be had is tried again.
const retryEvery = 15 * time.Second

// Run takes mail for office until ctx is done, and then lets mails that are being handed over come to their end, for at
// most grace. A Listener runs once.
func (l *Listener) Run(ctx context.Context, office Office, grace time.Duration) error {
	var cancel context.CancelFunc
	l.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	l.office = office
	l.server = smtp.NewServer(l)
	l.server.ErrorLog = smtpLog{l.config.Log}
	l.server.ReadTimeout, l.server.WriteTimeout = l.config.CommandTimeout, l.config.WriteTimeout
	// client does these better: it knows which answer belongs to what, and the settings of the moment.
	l.server.MaxLineLength, l.server.MaxMessageBytes, l.server.MaxRecipients, l.server.AllowInsecureAuth = 0, 0, 0, true
	defer close(l.ended)
	l.adjust(ctx, office.AnyProgram())
	close(l.running)
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			l.stop(cancel, grace)
			return nil
		case done := <-l.kick:
			l.adjust(ctx, office.AnyProgram())
			close(done)
		case <-retry.C:
			l.adjust(ctx, office.AnyProgram())
		}
	}
}

// adjust opens or shuts the doors.
func (l *Listener) adjust(ctx context.Context, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.doors {
		switch {
		case open && d.listener == nil:
			l.open(ctx, d)
		case !open:
			d.shut()
			d.Problem = ""
		}
	}
}

func (d *door) shut() {
	if d.listener != nil {
		_ = d.listener.Close() // nobody is told of an error, and there is nothing to be done about it
	}
	d.listener, d.Open = nil, false
}

// open opens a door. A port that is taken does not stop the service: it is tried again.
func (l *Listener) open(ctx context.Context, d *door) {
	listener, err := l.config.listen(ctx, "tcp", d.listen)
	if err != nil {
		problem := listenProblem(err)
		if problem != d.Problem {
			l.config.Log.Error("programs cannot hand over mail", "address", d.Address, "err", err)
		}
		d.Problem = problem
		return
	}
	d.listener, d.Open, d.Problem = listener, true, ""
	if strings.HasSuffix(d.listen, ":0") {
		d.Address = listener.Addr().String()
	}
	l.config.Log.Info("programs can hand over mail", "address", listener.Addr().String())
	l.serving.Go(func() {
		err := l.server.Serve(&entrance{Listener: listener, l: l})
		l.mu.Lock()
		defer l.mu.Unlock()
		if d.listener == listener && !l.stopping {
			d.shut()
			d.Problem = listenProblem(err)
			l.config.Log.Error("programs cannot hand over mail any more", "address", d.Address, "err", err)
		}
	})
}

// listenProblem returns why an address cannot be listened at, as a sentence for the administrator.
func listenProblem(err error) string {
	switch {
	case errors.Is(err, errAddressInUse):
		return "another program has this port; stop it, or name another address in [smtp] listen"
	case errors.Is(err, errAddressNotHere):
		return "this machine does not have this address"
	case errors.Is(err, fs.ErrPermission):
		return "the service may not use a port below 1024 here; name another one, or give it the capability CAP_NET_BIND_SERVICE"
	case err == nil:
		return "it was closed"
	default:
		return clean(err.Error())
	}
}

// stop shuts the doors, tells those who wait to go, and waits for the others.
func (l *Listener) stop(cut context.CancelFunc, grace time.Duration) {
	l.mu.Lock()
	l.stopping = true
	for _, d := range l.doors {
		d.shut()
	}
	waiting := l.all()
	l.mu.Unlock()
	for _, c := range waiting {
		c.stop()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.server.Shutdown(context.Background()) // the doors are shut already, and closing them twice is its only error
		l.serving.Wait()
	}()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-ended:
		return
	case <-patience.C:
	}
	cut()
	l.mu.Lock()
	waiting = l.all()
	l.mu.Unlock()
	for _, c := range waiting {
		c.cut()
	}
	<-ended
}

// all returns who is connected. mu is held.
func (l *Listener) all() []*client {
	clients := make([]*client, 0, len(l.clients))
	for c := range l.clients {
		clients = append(clients, c)
	}
	return clients
}

// entrance is a listener that counts who comes in.
type entrance struct {
	net.Listener
	l *Listener
}

// Accept returns the next client for whom there is room.
func (e *entrance) Accept() (net.Conn, error) {
	for {
		conn, err := e.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := e.l.enter(conn); c != nil {
			c.lookUp()
			return c, nil
		}
	}
}

// enter makes a client of a connection. It is nil, and the connection closed, when there are too many.
func (l *Listener) enter(conn net.Conn) *client {
	peer := addrPortOf(conn.RemoteAddr())
	network := networkOf(peer.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping || len(l.clients) >= l.config.Connections || l.perIP[network] >= l.config.ConnectionsPerIP {
		if l.tls == nil || l.config.TLS != TLSImplicit {
			// A line fits into the buffer of a fresh connection: this does not wait for anybody.
			_, _ = conn.Write([]byte("421 4.7.0 too many connections, try again later\r\n"))
		}
		_ = conn.Close() // it was never used
		return nil
	}
	c := newClient(l, conn, peer)
	l.clients[c] = true
	l.perIP[network]++
	return c
}

func (l *Listener) leave(c *client) {
	network := networkOf(c.peer.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.clients[c] {
		return
	}
	delete(l.clients, c)
	if l.perIP[network]--; l.perIP[network] == 0 {
		delete(l.perIP, network)
	}
}

func addrPortOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// networkOf returns what connections are counted by: an IPv4 address, or the /64 of an IPv6 one.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() && !addr.IsLoopback() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// smtpLog is where go-smtp writes: faults of ours, and connections that broke off, which are nobody's business.
type smtpLog struct{ log *slog.Logger }

// Printf writes a line.
func (s smtpLog) Printf(format string, args ...any) {
	level := slog.LevelDebug
	if strings.HasPrefix(format, "panic") {
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, "smtp", "what", fmt.Sprintf(format, args...))
}

// Println writes a line.
func (s smtpLog) Println(args ...any) { s.Printf("%s", fmt.Sprintln(args...)) }

var _ app.MailListener = (*Listener)(nil)
