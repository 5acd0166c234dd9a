package localapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"foyer/app"
)

// Client calls the admin API. Its zero value calls the service at DefaultSocket. It is safe for concurrent use.
//
// Every method returns an *app.Error. Besides the codes the service gives: Unavailable, "service_unreachable", when
// nobody answers; Unavailable, "version_mismatch", when the service speaks another version of the API; Denied when
// the caller may not.
type Client struct {
	Socket string // path of the socket; "" is DefaultSocket

	once sync.Once
	http *http.Client
}

// maxAnswer bounds what is read of an answer; a page of messages with their data is far below.
const maxAnswer = 64 << 20

// callTimeout bounds one call; the context may make it shorter.
const callTimeout = time.Minute

func (c *Client) socket() string { return cmp.Or(c.Socket, DefaultSocket) }

func (c *Client) client() *http.Client {
	c.once.Do(func() {
		c.http = &http.Client{
			Timeout: callTimeout,
			Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return dialAt(ctx, c.socket())
				},
				IdleConnTimeout: 30 * time.Second, // shorter than the service's own
				MaxIdleConns:    4,
			},
		}
	})
	return c.http
}

// Close closes the connections that wait for a next call. The client stays usable.
func (c *Client) Close() { c.client().CloseIdleConnections() }

// call makes one request and decodes its answer into out.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	if err := checkSocketPath(c.socket()); err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return &app.Error{Code: app.Internal, Reason: "encode", Err: err}
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://foyer"+path, body)
	if err != nil {
		return &app.Error{Code: app.Internal, Reason: "request", Err: err}
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client().Do(req)
	if err != nil {
		return c.transportError(err)
	}
	defer resp.Body.Close()
	return c.read(resp, out)
}

// stream begins a GET whose answer comes piece by piece and has no time limit but that of ctx. The caller closes the body. The error
// is the service's, or what kept it from answering, which is still to be translated.
func (c *Client) stream(ctx context.Context, path string) (*http.Response, error) {
	if err := checkSocketPath(c.socket()); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://foyer"+path, http.NoBody)
	if err != nil {
		return nil, &app.Error{Code: app.Internal, Reason: "request", Err: err}
	}
	resp, err := (&http.Client{Transport: c.client().Transport}).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get(headerAPI) != strconv.Itoa(API) {
		defer resp.Body.Close()
		return nil, c.read(resp, new(any))
	}
	return resp, nil
}

func (c *Client) read(resp *http.Response, out any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.transportError(err)
	}
	api := resp.Header.Get(headerAPI)
	switch {
	case api == "":
		return app.Errorf(app.Unavailable, "service_unreachable",
			"what answers at %s is not a Foyer service: name the right socket with --socket, or the data directory with --data", c.socket())
	case api != strconv.Itoa(API):
		return app.Errorf(app.Unavailable, "version_mismatch",
			"the service at %s is version %s and speaks admin API %s, this program speaks %d: use the foyer program of the service's version",
			c.socket(), resp.Header.Get(headerVersion), api, API).With("Version", resp.Header.Get(headerVersion))
	case resp.StatusCode != http.StatusOK:
		var body errorBody
		if err := json.Unmarshal(data, &body); err != nil || body.Error.Code == "" {
			return &app.Error{Code: app.Internal, Reason: "answer", Message: "the service answered " + resp.Status, Err: err}
		}
		return decodeError(body)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &app.Error{Code: app.Internal, Reason: "answer", Message: "the service's answer is not understood; is it of another version?", Err: err}
	}
	return nil
}

// transportError translates what kept a call from being answered.
func (c *Client) transportError(err error) error {
	if foreign, ok := errors.AsType[*app.Error](err); ok { // the connection was not used
		return foreign
	}
	unreachable := func(format string, args ...any) error {
		return &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: fmt.Sprintf(format, args...), Err: err}
	}
	op, isOp := errors.AsType[*net.OpError](err)
	timeout, isTimeout := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return &app.Error{Code: app.Unavailable, Reason: "canceled", Message: "broken off", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &app.Error{
			Code: app.Denied, Reason: "not_permitted", Err: err,
			Message: fmt.Sprintf("you may not use the admin socket %s: run this %s, or as the user the service runs as", c.socket(), app.WithRoot),
		}
	case isOp && op.Op == "dial":
		return unreachable("the service does not answer at %s: start it with %s, or foyer serve where it is not installed; if it runs with other data or another socket, name them with --data or --socket",
			c.socket(), app.AsRoot("foyer service start"))
	case isTimeout && timeout.Timeout():
		return unreachable("the service at %s did not answer in time: see whether it was done before you repeat it", c.socket())
	default:
		return unreachable("the service at %s broke off: see whether it was done before you repeat it", c.socket())
	}
}

// fill returns the path with the value of its one segment in braces. It encodes dots too where they would be the
// segment "." or "..", which paths are cleaned of on their way.
func fill(pattern, value string) (string, error) {
	from, to := strings.IndexByte(pattern, '{'), strings.IndexByte(pattern, '}')
	if value == "" {
		name := pattern[from+1 : to]
		return "", app.Fieldf(name, "name_missing", "the %s is empty", name)
	}
	if err := checkName(value); err != nil {
		return "", err
	}
	segment := url.PathEscape(value)
	if value == "." || value == ".." {
		segment = strings.ReplaceAll(value, ".", "%2E")
	}
	return pattern[:from] + segment + pattern[to+1:], nil
}

// do makes one call whose answer is a T. value fills the braces of the path, if it has any.
func do[T any](ctx context.Context, c *Client, method, pattern, value string, in any) (T, error) {
	var out T
	path := pattern
	if strings.Contains(pattern, "{") {
		var err error
		if path, err = fill(pattern, value); err != nil {
			return out, err
		}
	}
	err := c.call(ctx, method, path, in, &out)
	return out, err
}

// getPage returns one page of a list.
func getPage[T any](ctx context.Context, c *Client, path string, filter map[string]string, after string, limit int) (Page[T], error) {
	query := url.Values{}
	for name, value := range filter {
		if value != "" {
			query.Set(name, value)
		}
	}
	if after != "" {
		query.Set("after", after)
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(min(limit, maxPage)))
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var out Page[T]
	err := c.call(ctx, "GET", path, nil, &out)
	return out, err
}

// all returns the items of all pages. After an error it ends.
func all[T any](get func(after string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		after := ""
		for {
			page, err := get(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			after = page.Next
		}
	}
}

// Version returns what runs and whether the caller may use the rest. A service that speaks another version of the API says its own
// version all the same, beside the error: it is what leads on.
func (c *Client) Version(ctx context.Context) (Version, error) {
	v, err := do[Version](ctx, c, "GET", pathVersion, "", nil)
	if e, ok := errors.AsType[*app.Error](err); ok && e.Reason == "version_mismatch" {
		v = Version{Version: e.Args["Version"]}
	}
	return v, err
}

// Companies returns all companies by name.
func (c *Client) Companies(ctx context.Context) ([]Company, error) {
	page, err := getPage[Company](ctx, c, pathCompanies, nil, "", 0)
	return page.Items, err
}

// Company returns one company. NotFound.
func (c *Client) Company(ctx context.Context, name string) (Company, error) {
	return do[Company](ctx, c, "GET", pathCompany, name, nil)
}

// AddCompany adds a company whose list is the field entries. Invalid, Conflict.
func (c *Client) AddCompany(ctx context.Context, name, entries string) (Company, error) {
	return do[Company](ctx, c, "POST", pathCompanies, "", companyAdd{Name: name, Entries: entries})
}

// RenameCompany renames a company. NotFound, Invalid, Conflict.
func (c *Client) RenameCompany(ctx context.Context, name, to string) (Company, error) {
	return do[Company](ctx, c, "POST", pathCompanyRename, name, companyRename{Name: to})
}

// EnableCompany sets a company's switch. NotFound.
func (c *Client) EnableCompany(ctx context.Context, name string, on bool) (Company, error) {
	path := pathCompanyDisable
	if on {
		path = pathCompanyEnable
	}
	return do[Company](ctx, c, "POST", path, name, nil)
}

// RemoveCompany removes a company that has no accounts. NotFound, Conflict.
func (c *Client) RemoveCompany(ctx context.Context, name string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathCompany, name, nil)
	return err
}

// Allow adds the entries of a field to a company's list, all or none. NotFound, Invalid; Conflict, "entry_taken",
// when another company has one and move is not set.
func (c *Client) Allow(ctx context.Context, name, entries string, move bool) (Company, error) {
	return do[Company](ctx, c, "POST", pathAllow, name, companyAllow{Entries: entries, Move: move})
}

// Disallow removes the entries of a field from a company's list, all or none. NotFound, Invalid.
func (c *Client) Disallow(ctx context.Context, name, entries string) (Disallowed, error) {
	return do[Disallowed](ctx, c, "POST", pathDisallow, name, companyDisallow{Entries: entries})
}

// SetTenants adds and removes Entra tenants of a company, all or none, given as fields as typed. NotFound, also when
// one to remove is not there; Invalid.
func (c *Client) SetTenants(ctx context.Context, name, add, remove string) (Company, error) {
	return do[Company](ctx, c, "POST", pathTenants, name, companyTenants{Add: add, Remove: remove})
}

// TestAddress returns the gate's verdict on an address. Invalid when it is none.
func (c *Client) TestAddress(ctx context.Context, address string) (AllowTest, error) {
	query := url.Values{"address": {address}}
	return do[AllowTest](ctx, c, "GET", pathAllowTest+"?"+query.Encode(), "", nil)
}

// Connectors returns all connectors by name.
func (c *Client) Connectors(ctx context.Context) ([]Connector, error) {
	page, err := getPage[Connector](ctx, c, pathConnectors, nil, "", 0)
	return page.Items, err
}

// Connector returns one connector. NotFound.
func (c *Client) Connector(ctx context.Context, name string) (Connector, error) {
	return do[Connector](ctx, c, "GET", pathConnector, name, nil)
}

// AddConnector adds a connector of a kind, with its keys: app.ConnectorKeys says which there are. NotFound for an
// unknown key, Invalid for a value; Conflict when the name is taken.
func (c *Client) AddConnector(ctx context.Context, kind, name string, keys map[string]string) (Connector, error) {
	body := maps.Clone(keys)
	if body == nil {
		body = map[string]string{}
	}
	body["kind"], body["name"] = kind, name
	return do[Connector](ctx, c, "POST", pathConnectors, "", body)
}

// SetConnector changes keys of a connector, all or none. NotFound, also for an unknown key; Invalid for a value.
func (c *Client) SetConnector(ctx context.Context, name string, changes map[string]string) (Connector, error) {
	return do[Connector](ctx, c, "PATCH", pathConnector, name, changes)
}

// RemoveConnector removes a connector; the identities that came through it stay with their accounts. NotFound.
func (c *Client) RemoveConnector(ctx context.Context, name string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathConnector, name, nil)
	return err
}

// Programs returns all programs that may hand over mail, by name.
func (c *Client) Programs(ctx context.Context) ([]Program, error) {
	page, err := getPage[Program](ctx, c, pathPrograms, nil, "", 0)
	return page.Items, err
}

// Program returns one program. NotFound.
func (c *Client) Program(ctx context.Context, name string) (Program, error) {
	return do[Program](ctx, c, "GET", pathProgram, name, nil)
}

// AddProgram adds a program, with its keys: app.ProgramKeys says which there are. NotFound for an unknown key, Invalid
// for a value; Conflict when the name is taken.
func (c *Client) AddProgram(ctx context.Context, name string, keys map[string]string) (NewProgram, error) {
	body := maps.Clone(keys)
	if body == nil {
		body = map[string]string{}
	}
	body["name"] = name
	return do[NewProgram](ctx, c, "POST", pathPrograms, "", body)
}

// SetProgram changes keys of a program, all or none. NotFound, also for an unknown key; Invalid for a value; Conflict.
func (c *Client) SetProgram(ctx context.Context, name string, changes map[string]string) (Program, error) {
	return do[Program](ctx, c, "PATCH", pathProgram, name, changes)
}

// NewProgramPassword gives a program a new password. NotFound.
func (c *Client) NewProgramPassword(ctx context.Context, name string) (NewProgram, error) {
	return do[NewProgram](ctx, c, "POST", pathProgramPassword, name, nil)
}

// RemoveProgram removes a program; what it has handed over is still delivered. NotFound.
func (c *Client) RemoveProgram(ctx context.Context, name string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathProgram, name, nil)
	return err
}

// MailListener returns the addresses at which programs can hand over mail.
func (c *Client) MailListener(ctx context.Context) ([]ListenState, error) {
	page, err := getPage[ListenState](ctx, c, pathMailListener, nil, "", 0)
	return page.Items, err
}

// AccountFilter narrows a list of accounts; the zero value does not.
type AccountFilter struct {
	Company string // a company's name
	Search  string // part of an address or a name
	State   string // "active" or "disabled"
	OffList bool   // only those that are not on their company's list any more
	Sort    string // "email", which "" means, "name", "company" or "created"
	Reverse bool   // the other way round
}

// AccountPage returns one page of accounts. after is the Next of the page before, or ""; limit 0 leaves the size to the
// service. The first page has the Total, but of those that are off their list, whose pages may be short although others
// follow. NotFound when there is no such company; Invalid for a State or a Sort that there is not.
func (c *Client) AccountPage(ctx context.Context, f AccountFilter, after string, limit int) (Page[Account], error) {
	filter := map[string]string{"company": f.Company, "search": f.Search, "state": f.State, "sort": f.Sort}
	for name, on := range map[string]bool{"off_list": f.OffList, "reverse": f.Reverse} {
		if on {
			filter[name] = "true"
		}
	}
	return getPage[Account](ctx, c, pathAccounts, filter, after, limit)
}

// Accounts returns the accounts of a filter.
func (c *Client) Accounts(ctx context.Context, f AccountFilter) iter.Seq2[Account, error] {
	return all(func(after string) (Page[Account], error) { return c.AccountPage(ctx, f, after, 0) })
}

// Account returns one account, with what became of the last mail to it. NotFound, Invalid.
func (c *Client) Account(ctx context.Context, email string) (AccountDetail, error) {
	return do[AccountDetail](ctx, c, "GET", pathAccount, email, nil)
}

// EnableAccount sets whether an account may sign in. NotFound, Invalid.
func (c *Client) EnableAccount(ctx context.Context, email string, on bool) (Account, error) {
	path := pathAccountDisable
	if on {
		path = pathAccountEnable
	}
	return do[Account](ctx, c, "POST", path, email, nil)
}

// RemoveIdentity removes an identity, by its id, from an account. NotFound, Invalid.
func (c *Client) RemoveIdentity(ctx context.Context, email, id string) (Account, error) {
	return do[Account](ctx, c, "POST", pathAccountUnlink, email, accountUnlink{ID: id})
}

// RemoveAccount removes an account. NotFound, Invalid.
func (c *Client) RemoveAccount(ctx context.Context, email string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathAccount, email, nil)
	return err
}

// RegistrationPage returns one page of registrations, the oldest first.
func (c *Client) RegistrationPage(ctx context.Context, after string, limit int) (Page[Registration], error) {
	return getPage[Registration](ctx, c, pathRegistrations, nil, after, limit)
}

// Registrations returns the registrations, the oldest first.
func (c *Client) Registrations(ctx context.Context) iter.Seq2[Registration, error] {
	return all(func(after string) (Page[Registration], error) { return c.RegistrationPage(ctx, after, 0) })
}

// Resend sends the confirmation mail of a registration anew. NotFound, Invalid, Conflict.
func (c *Client) Resend(ctx context.Context, email string) (Registration, error) {
	return do[Registration](ctx, c, "POST", pathResend, email, nil)
}

// RemoveRegistration removes the registration of an address. NotFound, Invalid.
func (c *Client) RemoveRegistration(ctx context.Context, email string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathRegistration, email, nil)
	return err
}

// Settings returns all settings.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	return do[Settings](ctx, c, "GET", pathSettings, "", nil)
}

// SetSettings changes settings, all or none, and returns all. NotFound for an unknown key, Invalid for a value.
func (c *Client) SetSettings(ctx context.Context, changes map[string]string) (Settings, error) {
	return do[Settings](ctx, c, "PATCH", pathSettings, "", changes)
}

// MessageFilter narrows a list of messages; the zero value does not.
type MessageFilter struct {
	State  string // one of the states of a message
	Search string // part of a recipient's address or of a subject
}

// MessagePage returns one page of messages, the newest first. Invalid when there is no such state.
func (c *Client) MessagePage(ctx context.Context, f MessageFilter, after string, limit int) (Page[Message], error) {
	return getPage[Message](ctx, c, pathMessages, map[string]string{"state": f.State, "search": f.Search}, after, limit)
}

// Messages returns the messages of a filter, the newest first.
func (c *Client) Messages(ctx context.Context, f MessageFilter) iter.Seq2[Message, error] {
	return all(func(after string) (Page[Message], error) { return c.MessagePage(ctx, f, after, 0) })
}

// Message returns a message whole. NotFound.
func (c *Client) Message(ctx context.Context, id string) (MessageDetail, error) {
	return do[MessageDetail](ctx, c, "GET", pathMessage, id, nil)
}

// RetryMessage makes a message due now. NotFound, Conflict.
func (c *Client) RetryMessage(ctx context.Context, id string) (Message, error) {
	return do[Message](ctx, c, "POST", pathMessageRetry, id, nil)
}

// HoldMessage keeps a message that waits until it is released. NotFound, Conflict.
func (c *Client) HoldMessage(ctx context.Context, id string) (Message, error) {
	return do[Message](ctx, c, "POST", pathMessageHold, id, nil)
}

// HoldMessages does so with every message that waits and returns how many there were.
func (c *Client) HoldMessages(ctx context.Context) (int, error) {
	changed, err := do[Changed](ctx, c, "POST", pathMessageHold, allMessages, nil)
	return changed.Changed, err
}

// ReleaseMessage makes a held message due now. NotFound, Conflict.
func (c *Client) ReleaseMessage(ctx context.Context, id string) (Message, error) {
	return do[Message](ctx, c, "POST", pathMessageRelease, id, nil)
}

// ReleaseMessages does so with every held message and returns how many there were.
func (c *Client) ReleaseMessages(ctx context.Context) (int, error) {
	changed, err := do[Changed](ctx, c, "POST", pathMessageRelease, allMessages, nil)
	return changed.Changed, err
}

// RemoveMessage removes a message. NotFound, Conflict.
func (c *Client) RemoveMessage(ctx context.Context, id string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathMessage, id, nil)
	return err
}

// TestMail writes a test mail to an address. lang is "en" or "sk", or "" for the first of them. Invalid.
func (c *Client) TestMail(ctx context.Context, address, lang string) (Message, error) {
	return do[Message](ctx, c, "POST", pathMessages, "", messageTest{Recipient: address, Lang: lang})
}

// MailStatus returns how mail stands.
func (c *Client) MailStatus(ctx context.Context) (MailStatus, error) {
	return do[MailStatus](ctx, c, "GET", pathMailStatus, "", nil)
}

// MailDNS returns the DNS records of the office's mail, compared with what the DNS has. It may take ten seconds.
// Conflict while mail.from is not set.
func (c *Client) MailDNS(ctx context.Context) ([]DNSRecord, error) {
	out, err := do[DNSRecords](ctx, c, "GET", pathMailDNS, "", nil)
	return out.Records, err
}

// Suppressed returns the addresses that get no mail because one to them has failed for good.
func (c *Client) Suppressed(ctx context.Context) ([]Suppressed, error) {
	page, err := getPage[Suppressed](ctx, c, pathSuppressed, nil, "", 0)
	return page.Items, err
}

// Unsuppress lets such an address get mail again. NotFound, Invalid.
func (c *Client) Unsuppress(ctx context.Context, address string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathUnsuppress, address, nil)
	return err
}

// TLSHosts returns the mail servers that have had TLS.
func (c *Client) TLSHosts(ctx context.Context) ([]TLSHost, error) {
	page, err := getPage[TLSHost](ctx, c, pathMailTLS, nil, "", 0)
	return page.Items, err
}

// ForgetTLS lets a mail server get mail in the clear although it has had TLS. NotFound.
func (c *Client) ForgetTLS(ctx context.Context, host string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathMailTLSHost, host, nil)
	return err
}

// Blocked returns the addresses whose owners asked for no mail.
func (c *Client) Blocked(ctx context.Context) ([]Blocked, error) {
	page, err := getPage[Blocked](ctx, c, pathBlocked, nil, "", 0)
	return page.Items, err
}

// Unblock lets an address get mail again. NotFound, Invalid.
func (c *Client) Unblock(ctx context.Context, address string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathUnblock, address, nil)
	return err
}

// EventFilter narrows the audit; the zero value does not.
type EventFilter struct {
	Search  string    // part of an address, a company, an actor or a detail
	Action  string    // an action, or a family of them as in "account."
	Refused bool      // only what was refused
	Since   time.Time // from then on; the zero time for all
	Until   time.Time // before then; the zero time for all
}

// EventPage returns one page of the audit, the newest first.
func (c *Client) EventPage(ctx context.Context, f EventFilter, after string, limit int) (Page[Event], error) {
	filter := map[string]string{"search": f.Search, "action": f.Action}
	if f.Refused {
		filter["refused"] = "true"
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			filter[name] = at.UTC().Format(time.RFC3339)
		}
	}
	return getPage[Event](ctx, c, pathEvents, filter, after, limit)
}

// Events returns the audit, the newest first.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return all(func(after string) (Page[Event], error) { return c.EventPage(ctx, f, after, 0) })
}
