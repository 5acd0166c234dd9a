package app

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// The "this was not me" link proves itself: until when it is valid, and a keyed hash of that and of the address the mail
// went to. Nothing is stored of it.
const (
	stopTTL     = 30 * 24 * time.Hour
	stopExpiry  = 8 // bytes, Unix seconds
	stopMACSize = 24
)

func (s *Service) stopToken(addr Address, now time.Time) Token {
	return s.stopTokenUntil(addr, uint64(now.Add(stopTTL).Unix())) //nolint:gosec // the clock is past 1970
}

func (s *Service) stopTokenUntil(addr Address, until uint64) Token {
	expiry := binary.BigEndian.AppendUint64(nil, until)
	mac := s.mac("stop", string(expiry)+addr.Key())
	return Token(base64.RawURLEncoding.EncodeToString(append(expiry, mac[:stopMACSize]...)))
}

// StopLink returns nil when a "this was not me" link has the form of one and has not expired; whether it is genuine only
// Stop can tell, which knows the address. Gone otherwise.
func (s *Service) StopLink(token Token) error {
	_, err := stopUntil(token)
	return err
}

func stopUntil(token Token) (uint64, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(token))
	if err != nil || len(raw) != stopExpiry+stopMACSize {
		return 0, Errorf(Gone, "link_unknown", "this link is not valid; take care to copy it whole")
	}
	until := binary.BigEndian.Uint64(raw)
	if until < uint64(time.Now().Unix()) { //nolint:gosec // the clock is past 1970
		return 0, Errorf(Gone, "link_expired", "this link has expired")
	}
	return until, nil
}

// Stop makes Foyer send nothing to an address for the days that limits.not_me_days says, and deletes its
// registration. The owner types the address: a scanner that presses the button must not lock a customer out.
// Gone for a link that is none; Invalid when the address is not the one the mail went to.
func (s *Service) Stop(ctx context.Context, token Token, email string, v Visitor) error {
	until, err := stopUntil(token)
	if err != nil {
		return err
	}
	addr, err := ParseAddress(email)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.stopTokenUntil(addr, until))) != 1 {
		return Fieldf("email", "stop_address", "the mail with this link went to another address")
	}
	blocked := time.Now().Add(time.Duration(s.Settings().Limits.NotMeDays) * 24 * time.Hour)
	return s.store.BlockAddress(ctx, addr, blocked, v.event(ActMailBlock, addr.String()))
}
