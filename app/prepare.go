package app

import "context"

// Preparer is somebody who needs something else under other settings.
type Preparer interface {
	// Prepare takes what it needs under next settings and does not have yet: an address, a certificate. Until the change is committed
	// all is as before. Conflict or Invalid, with the key as field, when something cannot be had; nothing has changed then.
	Prepare(ctx context.Context, next Settings) (Preparation, error)
}

// Preparation is a prepared change. One of its methods must be called, once.
type Preparation interface {
	Commit()
	Abort()
}

// preparations are changes that are committed together.
type preparations []Preparation

// Commit commits all of them.
func (p preparations) Commit() {
	for _, one := range p {
		one.Commit()
	}
}

// Abort gives back what all of them have taken.
func (p preparations) Abort() {
	for _, one := range p {
		one.Abort()
	}
}

// prepare prepares everybody for next settings, or nobody.
func (s *Service) prepare(ctx context.Context, next Settings) (Preparation, error) {
	next = s.effective(next)
	var all preparations
	for _, preparer := range s.preparers {
		one, err := preparer.Prepare(ctx, next)
		if err != nil {
			all.Abort()
			return nil, err
		}
		all = append(all, one)
	}
	now := s.Settings()
	if s.pages == nil || next.TLS == now.TLS && next.PublicURL == now.PublicURL {
		return all, nil
	}
	pages, err := s.pages.Prepare(ctx, next)
	if err != nil {
		all.Abort()
		return nil, err
	}
	return append(all, told{pages, s.store.Changes()}), nil
}
