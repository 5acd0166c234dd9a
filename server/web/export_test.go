package web

// DecodeForm returns the named fields of the body of a form, as every page gets them.
func DecodeForm(body string, names ...string) (map[string]string, error) {
	values, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	return pick(values, names...)
}
