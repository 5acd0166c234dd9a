package gui

import (
	"slices"
	"strings"
	"testing"
)

// testMail is a mail of two parts, as Foyer writes them, with a file.
const testMail = "From: Office <accounts@office.example>\r\nTo: ann@customer.example\r\nSubject: Confirm\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=\"=_out\"\r\n\r\n" +
	"--=_out\r\nContent-Type: multipart/alternative; boundary=\"=_in\"\r\n\r\n" +
	"--=_in\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"Hello Ann, dobr=C3=BD de=C5=88.\r\n\r\nConfirm your address:\r\nhttps://accounts.office.example/confirm?t=3Dabc\r\n" +
	"\r\n--=_in\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"<html><head><style>p{color:red}</style></head><body><div style=3D\"display:none\"><div>Preview</div></div>" +
	"<h1>Confirm your address</h1><p>Hello  Ann,</p><table><tr><td>Company</td><td>Acme</td></tr></table>" +
	"<a href=3D\"https://accounts.office.example/confirm?t=3Dabc\">Confirm</a><script>alert(1)</script><img src=3D\"https://spy.example/x.png\" alt=3D\"Logo\">" +
	"<ul><li>One</li></ul><hr><p>Bye <a href=3D\"javascript:alert(1)\">now</a></p></body></html>" +
	"\r\n--=_in--\r\n" +
	"--=_out\r\nContent-Type: application/pdf; name=\"bill.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0x\r\n--=_out--\r\n"

func TestParseMail(t *testing.T) {
	got := parseMail(testMail)
	if want := "Hello Ann, dobrý deň.\n\nConfirm your address:\nhttps://accounts.office.example/confirm?t=abc"; strings.TrimSpace(got.plain) != want {
		t.Errorf("the text is %q, want %q", got.plain, want)
	}
	if len(got.files) != 1 || got.files[0] != (mailFile{name: "bill.pdf", kind: "application/pdf", size: 6}) {
		t.Errorf("the files are %+v", got.files)
	}
	blocks, links := parseHTML(got.html)
	want := []mailBlock{
		{text: "Confirm your address", heading: true},
		{text: "Hello Ann,"},
		{text: "Company   Acme"},
		{text: "Confirm [1] Logo"},
		{text: "One", bullet: true},
		{rule: true},
		{text: "Bye now"},
	}
	if !slices.Equal(blocks, want) {
		t.Errorf("the blocks are\n%+v, want\n%+v", blocks, want)
	}
	if want := []mailLink{{"Confirm", "https://accounts.office.example/confirm?t=abc"}}; !slices.Equal(links, want) {
		t.Errorf("the links are %+v, want %+v", links, want)
	}
}

func TestParseMailOdd(t *testing.T) {
	deep := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	for range 40 {
		deep += "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	}
	for _, c := range []struct {
		name, data string
		plain      string
		bad        bool
	}{
		{"no mail at all", "no header here", "", true},
		{"no type", "Subject: x\r\n\r\nplain words", "plain words", false},
		{"another character set", "Content-Type: text/plain; charset=windows-1250\r\n\r\n\x9eena", "žena", false},
		{"no base64", "Content-Transfer-Encoding: base64\r\n\r\n!!!", "", false},
		{"steers", "Subject: x\r\n\r\na\x1b[31mb\u202ec", "a[31mbc", false},
		{"too deep", deep, "", false},
	} {
		got := parseMail(c.data)
		if got.plain != c.plain || got.bad != c.bad {
			t.Errorf("%s: %q, bad %v; want %q, %v", c.name, got.plain, got.bad, c.plain, c.bad)
		}
	}
	if got := parseMail("Subject: x\r\n\r\n" + strings.Repeat("a", mailMaxText+10)); len(got.plain) != mailMaxText || !got.cut {
		t.Errorf("of a long text %d bytes are shown, cut %v", len(got.plain), got.cut)
	}
}

func TestMayOpen(t *testing.T) {
	for address, want := range map[string]bool{
		"https://office.example/a?b=c#d": true, "http://office.example": true, "mailto:ann@customer.example": true, "HTTPS://office.example": true,
		"javascript:alert(1)": false, "file:///etc/passwd": false, "https:///etc/passwd": false, "//office.example": false, "data:text/html,x": false,
		"https://bank.example@evil.example/": false, "https://bank.example:x@evil.example/": false, "ssh://office.example": false, "": false,
		"https://evil.example/\u202emoc.knab//:sptth": false, "https://office.example/\u00ad": true,
	} {
		if got := mayOpen(address); got != want {
			t.Errorf("%q: got %v, want %v", address, got, want)
		}
	}
}

// TestAttachedName has a name that would be read from right to left, and one of many lines.
func TestAttachedName(t *testing.T) {
	got := parseMail("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n" +
		"Content-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp.exe%0A%0Ab\r\n\r\nx\r\n--b--\r\n").files
	if len(got) != 1 || got[0].name != "afdp.exe b" {
		t.Errorf("got %+v, want the name %q", got, "afdp.exe b")
	}
}

func FuzzParseMail(f *testing.F) {
	f.Add(testMail)
	f.Add("Content-Type: text/html\r\n\r\n<a href=https://x.example><p>a</a></p><br><td><h1>")
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--")
	f.Fuzz(func(t *testing.T, data string) {
		content := parseMail(data)
		blocks, links := parseHTML(content.html)
		if len(content.plain) > 3*mailMaxText || len(blocks) > mailMaxBlocks+1 || len(links) > mailMaxLinks {
			t.Errorf("%d bytes, %d blocks and %d links are too many", len(content.plain), len(blocks), len(links))
		}
		for _, l := range links {
			if !mayOpen(l.address) {
				t.Errorf("the link %q cannot be opened", l.address)
			}
		}
	})
}
