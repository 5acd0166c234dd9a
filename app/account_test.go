package app_test

import (
	"strings"
	"testing"

	"foyer/app"
)

func TestProfileCheck(t *testing.T) {
	good := app.Profile{FirstName: "Jane", LastName: "Doe", Phone: "+421 (0)2 123-45.67/8"}
	with := func(change func(*app.Profile)) app.Profile {
		p := good
		change(&p)
		return p
	}
	accepted := []app.Profile{
		good,
		with(func(p *app.Profile) { p.Phone = "" }),
		with(func(p *app.Profile) { p.Phone = strings.Repeat("1", 32) }),
		with(func(p *app.Profile) { p.FirstName = strings.Repeat("ž", 64) }),
	}
	for _, name := range goodTexts {
		accepted = append(accepted, with(func(p *app.Profile) { p.FirstName, p.LastName = name, name }))
	}
	for _, p := range accepted {
		if err := p.Check(); err != nil {
			t.Errorf("%+q.Check() = %v, want nil", p, err)
		}
	}

	type refusal struct {
		profile       app.Profile
		field, reason string
	}
	refused := []refusal{
		{app.Profile{}, "first_name", "name_missing"},
		{with(func(p *app.Profile) { p.FirstName = "" }), "first_name", "name_missing"},
		{with(func(p *app.Profile) { p.LastName = "" }), "last_name", "name_missing"},
		{with(func(p *app.Profile) { p.FirstName = strings.Repeat("a", 65) }), "first_name", "name_invalid"},
		{with(func(p *app.Profile) { p.LastName = strings.Repeat("ž", 65) }), "last_name", "name_invalid"},
		{with(func(p *app.Profile) { p.LastName = strings.Repeat("a", 10_000) }), "last_name", "name_invalid"},
		{with(func(p *app.Profile) { p.FirstName, p.LastName, p.Phone = "a\n", "b\n", "c" }), "first_name", "name_invalid"},
	}
	for _, name := range badTexts {
		refused = append(refused,
			refusal{with(func(p *app.Profile) { p.FirstName = name }), "first_name", "name_invalid"},
			refusal{with(func(p *app.Profile) { p.LastName = name }), "last_name", "name_invalid"})
	}
	for _, phone := range []string{
		"call me", "+421x123", "123;456", "123,456", "1\n2", "1\r\n2", "1\x002", "1\u00a02", "\u0661\u0662", "１２", "+421#1", "*100#", "*100", "1\u202e2",
		strings.Repeat("1", 33), "1a", "a1", "1a1", "tel:123",
	} {
		refused = append(refused, refusal{with(func(p *app.Profile) { p.Phone = phone }), "phone", "phone_invalid"})
	}
	for _, tt := range refused {
		err := tt.profile.Check()
		if err == nil {
			t.Errorf("%+q.Check() = nil, want %s %s", tt.profile, tt.field, tt.reason)
			continue
		}
		wantError(t, err, app.Invalid, tt.field, tt.reason)
	}
}

func TestMayEnter(t *testing.T) {
	tests := []struct {
		state   app.AccountState
		company bool
		want    string
	}{
		{app.AccountActive, true, ""},
		{app.AccountActive, false, "company_disabled"},
		{app.AccountDisabled, true, "account_disabled"},
		{app.AccountDisabled, false, "account_disabled"},
		{"", true, "account_disabled"},
		{"ACTIVE", true, "account_disabled"},
	}
	for _, tt := range tests {
		err := app.Account{State: tt.state, CompanyEnabled: tt.company}.MayEnter()
		if tt.want == "" {
			if err != nil {
				t.Errorf("state %q, company enabled %v: MayEnter() = %v, want nil", tt.state, tt.company, err)
			}
			continue
		}
		wantError(t, err, app.Denied, "", tt.want)
	}
}
