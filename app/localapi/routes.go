package localapi

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"foyer/app"
)

func (h *handler) companies(r *request) (any, error) {
	companies, err := h.Backend.Companies(r.Context())
	if err != nil {
		return nil, err
	}
	// There are as many as customers: one page holds them all.
	return page(companies, -1, companyOf, nil), nil
}

func (h *handler) company(r *request) (any, error) {
	return company(h.Backend.Company(r.Context(), r.PathValue("name")))
}

// company is what most calls about companies answer.
func company(c app.Company, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return companyOf(c), nil
}

func (h *handler) addCompany(r *request) (any, error) {
	var body companyAdd
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := checkName(body.Name); err != nil {
		return nil, err
	}
	return company(h.Backend.AddCompany(r.Context(), r.actor(), body.Name, body.Entries))
}

func (h *handler) renameCompany(r *request) (any, error) {
	var body companyRename
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := checkName(body.Name); err != nil {
		return nil, err
	}
	return company(h.Backend.RenameCompany(r.Context(), r.actor(), r.PathValue("name"), body.Name))
}

func (h *handler) enableCompany(on bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		return company(h.Backend.EnableCompany(r.Context(), r.actor(), r.PathValue("name"), on))
	}
}

func (h *handler) removeCompany(r *request) (any, error) {
	name := r.PathValue("name")
	return Removed{name}, h.Backend.RemoveCompany(r.Context(), r.actor(), name)
}

func (h *handler) allow(r *request) (any, error) {
	var body companyAllow
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return company(h.Backend.Allow(r.Context(), r.actor(), r.PathValue("name"), body.Entries, body.Move))
}

func (h *handler) disallow(r *request) (any, error) {
	var body companyDisallow
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	c, off, err := h.Backend.Disallow(r.Context(), r.actor(), r.PathValue("name"), body.Entries)
	if err != nil {
		return nil, err
	}
	return Disallowed{Company: companyOf(c), OffList: off}, nil
}

func (h *handler) setTenants(r *request) (any, error) {
	var body companyTenants
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return company(h.Backend.SetTenants(r.Context(), r.actor(), r.PathValue("name"), body.Add, body.Remove))
}

func (h *handler) testAddress(r *request) (any, error) {
	query, err := r.query("address")
	if err != nil {
		return nil, err
	}
	addr, verdict, ways, err := h.Backend.TestAddress(r.Context(), query["address"])
	if err != nil {
		return nil, err
	}
	return allowTestOf(addr, verdict, ways), nil
}

func (h *handler) connectors(r *request) (any, error) {
	connectors, err := h.Backend.Connectors(r.Context())
	if err != nil {
		return nil, err
	}
	return page(connectors, -1, connectorOf, nil), nil
}

func (h *handler) connector(r *request) (any, error) {
	return connector(h.Backend.Connector(r.Context(), r.PathValue("name")))
}

// connector is what most calls about connectors answer.
func connector(c app.ConnectorState, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return connectorOf(c), nil
}

func (h *handler) addConnector(r *request) (any, error) {
	body := connectorChange{}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	kind, name := app.ConnectorKind(body["kind"]), string(body["name"])
	delete(body, "kind")
	delete(body, "name")
	return connector(h.Backend.AddConnector(r.Context(), r.actor(), kind, name, texts(body)))
}

func (h *handler) setConnector(r *request) (any, error) {
	body := connectorChange{}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, app.Errorf(app.Invalid, "connector_keys_missing", "name at least one key of the connector to change")
	}
	return connector(h.Backend.SetConnector(r.Context(), r.actor(), r.PathValue("name"), texts(body)))
}

// texts returns the change in a body as the service takes it.
func texts[V ~string](body map[string]V) map[string]string {
	changes := make(map[string]string, len(body))
	for key, value := range body {
		changes[key] = string(value)
	}
	return changes
}

func (h *handler) removeConnector(r *request) (any, error) {
	name := r.PathValue("name")
	return Removed{name}, h.Backend.RemoveConnector(r.Context(), r.actor(), name)
}

func (h *handler) programs(r *request) (any, error) {
	programs, err := h.Backend.Programs(r.Context())
	if err != nil {
		return nil, err
	}
	return page(programs, -1, programOf, nil), nil
}

// program is what most calls about programs answer.
func program(p app.Program, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return programOf(p), nil
}

// newProgram is what calls answer that make a password.
func newProgram(p app.Program, password app.Token, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return NewProgram{Program: programOf(p), Password: string(password)}, nil
}

func (h *handler) program(r *request) (any, error) {
	return program(h.Backend.Program(r.Context(), r.PathValue("name")))
}

func (h *handler) addProgram(r *request) (any, error) {
	body := programChange{}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	name := string(body["name"])
	delete(body, "name")
	return newProgram(h.Backend.AddProgram(r.Context(), r.actor(), name, texts(body)))
}

func (h *handler) setProgram(r *request) (any, error) {
	body := programChange{}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, app.Errorf(app.Invalid, "program_keys_missing", "name at least one key of the program to change")
	}
	return program(h.Backend.SetProgram(r.Context(), r.actor(), r.PathValue("name"), texts(body)))
}

func (h *handler) newProgramPassword(r *request) (any, error) {
	return newProgram(h.Backend.NewProgramPassword(r.Context(), r.actor(), r.PathValue("name")))
}

func (h *handler) removeProgram(r *request) (any, error) {
	name := r.PathValue("name")
	return Removed{name}, h.Backend.RemoveProgram(r.Context(), r.actor(), name)
}

func (h *handler) mailListener(r *request) (any, error) {
	states, err := h.Backend.MailListener(r.Context())
	if err != nil {
		return nil, err
	}
	return page(states, -1, func(s app.ListenState) ListenState { return ListenState(s) }, nil), nil
}

func (h *handler) accounts(r *request) (any, error) {
	query, err := r.query("company", "search", "state", "off_list", "sort", "reverse", "after", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(query)
	if err != nil {
		return nil, err
	}
	on, err := switches(query, "off_list", "reverse")
	if err != nil {
		return nil, err
	}
	found, err := h.Backend.Accounts(r.Context(), app.AccountQuery{
		Company: query["company"], Search: query["search"], State: app.AccountState(query["state"]), OffList: on["off_list"],
		Sort: app.AccountSort(query["sort"]), Reverse: on["reverse"], After: query["after"], Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	out := page(found.Accounts, -1, accountOf, nil)
	out.Next, out.Total = found.Next, found.Total
	return out, nil
}

func account(a app.Account, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return accountOf(a), nil
}

func (h *handler) account(r *request) (any, error) {
	a, err := h.Backend.Account(r.Context(), r.PathValue("email"))
	if err != nil {
		return nil, err
	}
	out := AccountDetail{Account: accountOf(a)}
	last, err := h.Backend.LastMessage(r.Context(), a.Email.String())
	switch {
	case err == nil:
		out.LastMail = lastMailOf(last)
	case app.CodeOf(err) != app.NotFound:
		return nil, err
	}
	return out, nil
}

func (h *handler) setAccountState(state app.AccountState) func(*request) (any, error) {
	return func(r *request) (any, error) {
		return account(h.Backend.SetAccountState(r.Context(), r.actor(), r.PathValue("email"), state))
	}
}

func (h *handler) removeIdentity(r *request) (any, error) {
	var body accountUnlink
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	id, err := parseID(body.ID, "id")
	if err != nil {
		return nil, err
	}
	return account(h.Backend.RemoveIdentity(r.Context(), r.actor(), r.PathValue("email"), id))
}

func (h *handler) removeAccount(r *request) (any, error) {
	email := r.PathValue("email")
	return Removed{email}, h.Backend.RemoveAccount(r.Context(), r.actor(), email)
}

func (h *handler) registrations(r *request) (any, error) {
	query, err := r.query("after", "limit")
	if err != nil {
		return nil, err
	}
	after, err := idCursor(query)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(query)
	if err != nil {
		return nil, err
	}
	list, err := h.Backend.Registrations(r.Context(), after, limit)
	if err != nil {
		return nil, err
	}
	return page(list, limit, registrationOf, func(r app.Registration) string { return strconv.FormatInt(r.ID, 10) }), nil
}

func (h *handler) resend(r *request) (any, error) {
	registration, err := h.Backend.Resend(r.Context(), r.actor(), r.PathValue("email"))
	if err != nil {
		return nil, err
	}
	return registrationOf(registration), nil
}

func (h *handler) removeRegistration(r *request) (any, error) {
	email := r.PathValue("email")
	return Removed{email}, h.Backend.RemoveRegistration(r.Context(), r.actor(), email)
}

func (h *handler) settings(*request) (any, error) { return settingsOf(h.Backend.Settings()), nil }

func (h *handler) setSettings(r *request) (any, error) {
	body := settingsChange{}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, app.Errorf(app.Invalid, "settings_missing", "name at least one setting to change")
	}
	settings, err := h.Backend.SetSettings(r.Context(), r.actor(), texts(body))
	if err != nil {
		return nil, err
	}
	return settingsOf(settings), nil
}

// messageStates are the states a list of messages can be narrowed to.
func messageStates() []app.MessageState {
	return []app.MessageState{
		app.MessageQueued, app.MessageSending, app.MessageDeferred, app.MessageHeld, app.MessageDelivered, app.MessageFailed, app.MessageCaptured,
	}
}

func checkState(state app.MessageState) error {
	states := messageStates()
	if state == "" || slices.Contains(states, state) {
		return nil
	}
	words := make([]string, len(states))
	for i, s := range states {
		words[i] = string(s)
	}
	return app.Fieldf("state", "state_unknown", "there is no state %q of a message; there are %s", state, strings.Join(words, ", "))
}

// backwards returns what a list that goes from the newest to the oldest is asked for: its own parameters, the ID before
// which it goes on, and the size of the page. Invalid.
func (r *request) backwards(filters ...string) (query map[string]string, before int64, limit int, err error) {
	if query, err = r.query(append(filters, "after", "limit")...); err != nil {
		return nil, 0, 0, err
	}
	if before, err = idCursor(query); err != nil {
		return nil, 0, 0, err
	}
	limit, err = pageSize(query)
	return query, before, limit, err
}

func (h *handler) messages(r *request) (any, error) {
	query, before, limit, err := r.backwards("state", "search")
	if err != nil {
		return nil, err
	}
	q := app.MessageQuery{State: app.MessageState(query["state"]), Search: query["search"], Before: before, Limit: limit}
	if err := checkState(q.State); err != nil {
		return nil, err
	}
	list, err := h.Backend.Messages(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return page(list, limit, messageOf, func(m app.Message) string { return strconv.FormatInt(m.ID, 10) }), nil
}

func (h *handler) message(r *request) (any, error) {
	id, err := messageID(r)
	if err != nil {
		return nil, err
	}
	m, err := h.Backend.Message(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return messageDetailOf(m), nil
}

// messageID returns the id in the path. What is no number names no message: NotFound.
func messageID(r *request) (int64, error) {
	text := r.PathValue("id")
	id, err := parseID(text, "id")
	if err != nil {
		return 0, app.Errorf(app.NotFound, "message_unknown", "there is no mail %q", text)
	}
	return id, nil
}

func (h *handler) retryMessage(r *request) (any, error) {
	id, err := messageID(r)
	if err != nil {
		return nil, err
	}
	m, err := h.Backend.RetryMessage(r.Context(), r.actor(), id)
	if err != nil {
		return nil, err
	}
	return messageOf(m), nil
}

func (h *handler) holdMessage(r *request) (any, error) {
	return oneOrAll(r, h.Backend.HoldMessage, h.Backend.HoldMessages)
}

func (h *handler) releaseMessage(r *request) (any, error) {
	return oneOrAll(r, h.Backend.ReleaseMessage, h.Backend.ReleaseMessages)
}

// oneOrAll does to the message in the path, or to all of them, what is asked for.
func oneOrAll(r *request, one func(ctx context.Context, actor string, id int64) (app.Message, error), all func(ctx context.Context, actor string) (int, error)) (any, error) {
	if r.PathValue("id") == allMessages {
		n, err := all(r.Context(), r.actor())
		return Changed{n}, err
	}
	id, err := messageID(r)
	if err != nil {
		return nil, err
	}
	m, err := one(r.Context(), r.actor(), id)
	if err != nil {
		return nil, err
	}
	return messageOf(m), nil
}

func (h *handler) removeMessage(r *request) (any, error) {
	id, err := messageID(r)
	if err != nil {
		return nil, err
	}
	return Removed{r.PathValue("id")}, h.Backend.RemoveMessage(r.Context(), r.actor(), id)
}

func (h *handler) testMail(r *request) (any, error) {
	var body messageTest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	m, err := h.Backend.TestMail(r.Context(), r.actor(), body.Recipient, body.Lang)
	if err != nil {
		return nil, err
	}
	return messageOf(m), nil
}

func (h *handler) mailStatus(r *request) (any, error) {
	status, err := h.Backend.MailStatus(r.Context())
	if err != nil {
		return nil, err
	}
	return mailStatusOf(status), nil
}

func (h *handler) mailDNS(r *request) (any, error) {
	records, err := h.Backend.MailDNS(r.Context())
	if err != nil {
		return nil, err
	}
	out := DNSRecords{Records: make([]DNSRecord, 0, len(records))}
	for _, record := range records {
		out.Records = append(out.Records, dnsRecordOf(record))
	}
	return out, nil
}

func (h *handler) suppressed(r *request) (any, error) {
	list, err := h.Backend.Suppressed(r.Context())
	if err != nil {
		return nil, err
	}
	return page(list, -1, suppressedOf, nil), nil
}

func (h *handler) unsuppress(r *request) (any, error) {
	address := r.PathValue("address")
	return Removed{address}, h.Backend.Unsuppress(r.Context(), r.actor(), address)
}

func (h *handler) tlsHosts(r *request) (any, error) {
	list, err := h.Backend.TLSHosts(r.Context())
	if err != nil {
		return nil, err
	}
	return page(list, -1, tlsHostOf, nil), nil
}

func (h *handler) forgetTLS(r *request) (any, error) {
	host := r.PathValue("host")
	return Removed{host}, h.Backend.ForgetTLS(r.Context(), r.actor(), host)
}

func (h *handler) blocked(r *request) (any, error) {
	until, err := h.Backend.Blocked(r.Context())
	if err != nil {
		return nil, err
	}
	convert := func(address string) Blocked { return Blocked{Address: address, Until: until[address].UTC()} }
	return page(slices.Sorted(maps.Keys(until)), -1, convert, nil), nil
}

func (h *handler) unblock(r *request) (any, error) {
	address := r.PathValue("address")
	return Removed{address}, h.Backend.Unblock(r.Context(), r.actor(), address)
}

func (h *handler) events(r *request) (any, error) {
	query, before, limit, err := r.backwards("search", "action", "refused", "since", "until")
	if err != nil {
		return nil, err
	}
	on, err := switches(query, "refused")
	if err != nil {
		return nil, err
	}
	times, err := moments(query, "since", "until")
	if err != nil {
		return nil, err
	}
	list, err := h.Backend.Events(r.Context(), app.EventQuery{
		Search: query["search"], Action: query["action"], Refused: on["refused"], Since: times["since"], Until: times["until"], Before: before, Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	return page(list, limit, eventOf, func(e app.Event) string { return strconv.FormatInt(e.ID, 10) }), nil
}
