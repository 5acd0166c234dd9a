package mail

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"

	"foyer/app"
)

// mechanisms are the ways to sign in, by their name in mail.auth, the preferred first.
var mechanisms = []struct{ auth, mechanism string }{
	{"plain", sasl.Plain}, {"login", sasl.Login}, {"xoauth2", "XOAUTH2"},
}

var errChallenge = errors.New("one question too many at AUTH")

// credentials are how this machine signs in to a mail server. The zero value is not at all.
type credentials struct {
	method   string // as in mail.auth
	username string
	password string
	oauth    app.MailOAuth
	tokens   *Tokens // for the method xoauth2
}

// secrets returns what must not be seen in an answer.
func (a credentials) secrets() []string {
	secrets := []string{a.oauth.ClientSecret, a.oauth.RefreshToken}
	if a.password != "" {
		secrets = append(secrets, encoded("\x00"+a.username+"\x00"+a.password), encoded(a.password), a.password)
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
}

// signIn signs in, if that is wanted.
func (c *conversation) signIn(ctx context.Context) error {
	method := c.auth.method
	mechanism := ""
	for _, m := range mechanisms {
		if m.auth == method {
			mechanism = m.mechanism
		}
	}
	switch {
	case method == "" || method == "none":
		return nil
	case mechanism == "":
		return &ReplyError{Reason: "not_configured", Message: "mail.auth=" + method + " is not supported", HostDown: true}
	}
	c.step = stepAuth
	if c.encrypted == nil {
		return errAuthNoTLS
	}
	if !c.client.SupportsAuth(mechanism) {
		return c.notOffered(mechanism)
	}
	switch method {
	case "plain":
		return c.client.Auth(sasl.NewPlainClient("", c.auth.username, c.auth.password))
	case "login":
		return c.client.Auth(&loginClient{answers: []string{c.auth.username, c.auth.password}})
	default:
		return c.signInWithToken(ctx)
	}
}

// notOffered names the way that the server offers instead.
func (c *conversation) notOffered(mechanism string) error {
	e := &ReplyError{Reason: "auth_unsupported", HostDown: true}
	for _, m := range mechanisms {
		if c.client.SupportsAuth(m.mechanism) {
			e.Message = c.host + " does not offer to sign in with AUTH " + mechanism + " but with " + m.mechanism + "; set mail.auth=" + m.auth
			return e
		}
	}
	e.Message = c.host + " does not offer to sign in with AUTH " + mechanism + "; set mail.auth=none if it knows this machine by its address"
	return e
}

// signInWithToken throws the token away when the server refuses it, for another attempt to fetch a fresh one.
func (c *conversation) signInWithToken(ctx context.Context) error {
	token, err := c.auth.tokens.get(ctx, c.auth.oauth, c.timeouts.Token)
	if err != nil {
		return err
	}
	response := "user=" + c.auth.username + "\x01auth=Bearer " + token + "\x01\x01"
	c.secrets = append(c.secrets, encoded(response), encoded(token), token)
	err = c.client.Auth(&xoauth2Client{response: response})
	if code, _, _, ok := answerOf(err); ok && code == codeRefused {
		c.auth.tokens.discard(token)
	}
	return err
}

// codeRefused is the answer to a password or token that is not good (RFC 4954, 6).
const codeRefused = 535

// loginClient is AUTH LOGIN (draft-murchison-sasl-login): the server asks for the name, then for the password. It goes by
// the order, for servers word their questions differently, and sends nothing before it is asked, which old ones do not take.
type loginClient struct{ answers []string }

// Start begins without an answer.
func (c *loginClient) Start() (mechanism string, response []byte, err error) {
	return sasl.Login, nil, nil
}

// Next returns the name, then the password.
func (c *loginClient) Next([]byte) ([]byte, error) {
	if len(c.answers) == 0 {
		return nil, errChallenge
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return []byte(answer), nil
}

// xoauth2Client is AUTH XOAUTH2, as Google and Microsoft have it.
type xoauth2Client struct {
	response string
	asked    bool
}

// Start begins with all there is to say.
func (c *xoauth2Client) Start() (mechanism string, response []byte, err error) {
	return "XOAUTH2", []byte(c.response), nil
}

// Next takes the server's report of what is wrong with the token: an empty answer makes it come to an end.
func (c *xoauth2Client) Next([]byte) ([]byte, error) {
	if c.asked {
		return nil, errChallenge
	}
	c.asked = true
	return []byte{}, nil
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// leastPart is how much of a secret counts as a part of it. A token can be longer than the line that is kept of an answer,
// or be repeated over several.
const leastPart = 16

// hidden returns words without a secret and the parts of it.
func hidden(words, secret string) string {
	words = strings.ReplaceAll(words, secret, "***")
	if len(secret) <= leastPart {
		return words
	}
	var b strings.Builder
	for i := 0; i < len(words); {
		n := leastPart
		if i+n > len(words) || !strings.Contains(secret, words[i:i+n]) {
			b.WriteByte(words[i])
			i++
			continue
		}
		for i+n < len(words) && strings.Contains(secret, words[i:i+n+1]) {
			n++
		}
		b.WriteString("***")
		i += n
	}
	return b.String()
}
