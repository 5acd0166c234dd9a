package web

// field is one input of a form with all that belongs to it.
type field struct {
	ID           string
	Name         string
	Type         string
	Label        string
	Hint         string
	Value        string
	Error        string
	Autocomplete string
	InputMode    string
	Optional     string // the word "optional", or ""
	Class        string
}

// Describes returns the ids of what describes the input, for aria-describedby.
func (f field) Describes() string {
	switch {
	case f.Error != "" && f.Hint != "":
		return f.ID + "-error " + f.ID + "-hint"
	case f.Error != "":
		return f.ID + "-error"
	case f.Hint != "":
		return f.ID + "-hint"
	}
	return ""
}

// fieldSpec says what a field is. label and hint are ids of texts.
type fieldSpec struct {
	name, kind, label, hint, autocomplete, inputMode, class string
	optional                                                bool
}

// fieldSpecs are the fields of all forms. Two of them may have one name, with another meaning in each form.
func fieldSpecs() map[string]fieldSpec {
	return map[string]fieldSpec{
		"first_name": {name: "first_name", kind: "text", label: "web.field.first_name", autocomplete: "given-name"},
		"last_name":  {name: "last_name", kind: "text", label: "web.field.last_name", autocomplete: "family-name"},
		"email": {
			name: "email", kind: "email", label: "web.field.email", autocomplete: "email", inputMode: "email",
		},
		"work_email": {
			name: "email", kind: "email", label: "web.field.work_email", hint: "web.field.work_email.hint",
			autocomplete: "email", inputMode: "email",
		},
		"username": {
			name: "email", kind: "email", label: "web.field.email", autocomplete: "username", inputMode: "email",
		},
		"phone": {
			name: "phone", kind: "tel", label: "web.field.phone", autocomplete: "tel", inputMode: "tel", optional: true,
		},
		"password": {name: "password", kind: "password", label: "web.field.password", autocomplete: "current-password"},
		"current_password": {
			name: "current_password", kind: "password", label: "web.field.current_password", autocomplete: "current-password",
		},
		"new_password": {
			name: "password", kind: "password", label: "web.field.new_password", hint: "web.field.new_password.hint",
			autocomplete: "new-password",
		},
		"password_confirm": {
			name: "password_confirm", kind: "password", label: "web.field.password_confirm", autocomplete: "new-password",
		},
		"code": {
			name: "code", kind: "text", label: "web.field.code", hint: "web.field.code.hint", autocomplete: "one-time-code",
			inputMode: "text", class: "code",
		},
	}
}

// Field returns the input of a form, with what was typed and what is wrong with it. Passwords are never given back.
func (p *page) Field(id string) field {
	spec := p.visit.site.fields[id]
	f := field{
		ID: "f-" + spec.name, Name: spec.name, Type: spec.kind, Label: p.T(spec.label), Autocomplete: spec.autocomplete,
		InputMode: spec.inputMode, Class: spec.class,
	}
	if spec.hint != "" {
		f.Hint = p.T(spec.hint)
	}
	if spec.kind != "password" {
		f.Value = p.values[spec.name]
	}
	if spec.optional {
		f.Optional = p.T("web.field.optional")
	}
	for _, problem := range p.Problems {
		if problem.Field == spec.name {
			f.Error = problem.Text
		}
	}
	return f
}

// Label returns how the input of a name is called.
func (p *page) Label(name string) string {
	spec, ok := p.visit.site.fields[name]
	if !ok {
		return ""
	}
	return p.T(spec.label)
}
