package server

import (
	"crypto/tls"
	"log/slog"

	"foyer/server/cert"
)

// fileCertificate gives the certificate of the address where programs hand over mail.
func fileCertificate(log *slog.Logger) func(certFile, keyFile string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	return func(certFile, keyFile string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
		files := cert.NewFiles(cert.FilesConfig{Cert: certFile, Key: keyFile, For: "the mail listener", Log: log})
		return files.GetCertificate, files.Load()
	}
}
