package store

import "testing"

func TestRewrite(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"SELECT $2, $1", "SELECT ?2, ?1"},
		{"SELECT $10", "SELECT ?10"},
		{"SELECT '$1', $1", "SELECT '$1', ?1"},
		{"SELECT 'it''s $1', $2", "SELECT 'it''s $1', ?2"},
		{"SELECT $", "SELECT $"},
		{"SELECT $a", "SELECT $a"},
		{"", ""},
	} {
		if got := rewrite(test.query); got != test.want {
			t.Errorf("rewrite(%q) = %q, want %q", test.query, got, test.want)
		}
	}
}

func TestReversed(t *testing.T) {
	if got := reversed("sub.company.com"); got != "com.company.sub" {
		t.Errorf("reversed = %q", got)
	}
}
