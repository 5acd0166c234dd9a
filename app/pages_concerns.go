package app

import (
	"fmt"
	"strconv"
	"time"
)

// expiringDays is how many days before its end a certificate is told of. One that lives shorter is told of in the last
// quarter of its life.
const expiringDays = 14

// servingConcerns is about what keeps browsers from the pages, or soon will.
func servingConcerns(s Serving, now time.Time) []Concern {
	var concerns []Concern
	if c := s.Certificate; c != nil {
		left := c.NotAfter.Sub(now)
		soon := min(expiringDays*24*time.Hour, c.NotAfter.Sub(c.NotBefore)/4)
		args := map[string]string{"Day": c.NotAfter.UTC().Format(time.DateOnly), "Days": strconv.Itoa(int(left / (24 * time.Hour)))}
		switch {
		case left <= 0:
			concerns = append(concerns, Concern{
				Code: "certificate_expired", Error: true, Args: args,
				Text: fmt.Sprintf("the certificate of the pages has expired on %s, and browsers refuse them; foyer address show says where it comes from", args["Day"]),
			})
		case left < soon:
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
