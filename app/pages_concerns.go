package app

import (
	"fmt"
	"strconv"
	"time"
)

// CertificateEndsSoon reports whether a certificate wants attention: 14 days before its end, and one that lives shorter in the last
// quarter of its life. One that has ended does.
func CertificateEndsSoon(notBefore, notAfter, now time.Time) bool {
	return notAfter.Sub(now) < min(14*24*time.Hour, notAfter.Sub(notBefore)/4)
}

// servingConcerns is about what keeps browsers from the pages, or soon will.
func servingConcerns(s Serving, now time.Time) []Concern {
	var concerns []Concern
	if c := s.Certificate; c != nil {
		left := c.NotAfter.Sub(now)
		args := map[string]string{"Day": c.NotAfter.UTC().Format(time.DateOnly), "Days": strconv.Itoa(int(left / (24 * time.Hour)))}
		switch {
		case left <= 0:
			concerns = append(concerns, Concern{
				Code: "certificate_expired", Error: true, Args: args,
				Text: fmt.Sprintf("the certificate of the pages has expired on %s, and browsers refuse them; foyer address show says where it comes from", args["Day"]),
			})
		case CertificateEndsSoon(c.NotBefore, c.NotAfter, now):
			concerns = append(concerns, Concern{
				Code: "certificate_expiring", Args: args,
				Text: fmt.Sprintf("the certificate of the pages is valid until %s only; renew it, or see with foyer address show why that does not happen by itself", args["Day"]),
			})
		}
	}
	if s.Problem != "" {
		concerns = append(concerns, Concern{
			Code: "certificate_problem", Error: s.Mode != TLSOff && s.Certificate == nil || s.hasClosed(), Args: map[string]string{"Problem": s.Problem, "Why": s.Text},
			Text: s.Text,
		})
	}
	return concerns
}

// hasClosed reports whether an address is not served.
func (s Serving) hasClosed() bool {
	for _, l := range s.Listeners {
		if l.Error != "" {
			return true
		}
	}
	return false
}
