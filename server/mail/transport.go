package mail

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxTokenAnswer is how much of a token endpoint's answer is read.
const maxTokenAnswer = 1 << 20

var (
	errTooLarge   = errors.New("the answer is larger than 1 MiB")
	errRedirected = errors.New("the answer is a redirect")
)

// newTokenClient returns the client that asks for tokens. A redirect would take the secret elsewhere.
func newTokenClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     &bounded{next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
	}
}

// newTokenTransport returns what carries the requests. No proxy is taken from the environment: it would see the secrets.
func newTokenTransport() *http.Transport {
	return &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // 1 MB can hold 1 GB
		MaxIdleConns:           1,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true, // net/http leaves it out when there is a TLS configuration
	}
}

// bounded keeps answers to their size.
type bounded struct{ next http.RoundTripper }

// RoundTrip returns the whole answer, or errTooLarge. oauth2 would cut it at 1 MiB without a word.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxTokenAnswer:
		return nil, errTooLarge
	case req.Context().Err() != nil:
		return nil, req.Context().Err() // a server that sees us hang up can end its answer as if it were whole
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// explainTokenCall says why there was no answer, or one that is none, in words of our own: those of net/http and oauth2 can
// hold parts of the answer.
func explainTokenCall(err error) string {
	_, fromClient := errors.AsType[*url.Error](err)
	dns, noName := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case !fromClient:
		return "answers with something that holds no token; check what stands between it and this machine"
	case errors.Is(err, errTooLarge):
		return "answers with more than 1 MiB; check what stands between it and this machine"
	case errors.Is(err, errRedirected):
		return "answers with a redirect, which is not followed; check what stands between it and this machine"
	case isTimeout(err):
		return "does not answer in time; check whether this machine may reach it (HTTPS, port 443)"
	case noName && dns.IsNotFound:
		return "is not known to this machine's DNS server"
	case noName:
		return "cannot be looked up; check this machine's DNS server"
	case untrusted:
		return "shows a certificate that this machine does not trust; check its clock, and what stands between"
	case isOp && op.Op == "dial":
		return "cannot be reached; check whether this machine may reach it (HTTPS, port 443)"
	default:
		return "cannot be asked; check what stands between it and this machine"
	}
}
