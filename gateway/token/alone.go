package token

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// While the new store is out of reach, no session can be stored. Whoever logs in then gets an access token and nothing to
// renew it with; what the session would say of them is kept in this process for as long as the token lives.

// maxAlone bounds the sessions that are kept so: about 3 MiB.
const maxAlone = 10_000

// A book keeps sessions that are not stored.
type book struct {
	mu       sync.Mutex
	sessions map[uuid.UUID]accounts.Session
}

// put forgets who has expired, and everybody if there are too many: they have to log in again to change something.
func (b *book) put(s accounts.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sessions) >= maxAlone {
		for id, old := range b.sessions {
			if old.ExpiresAt.Before(s.CreatedAt) {
				delete(b.sessions, id)
			}
		}
	}
	if b.sessions == nil || len(b.sessions) >= maxAlone {
		b.sessions = make(map[uuid.UUID]accounts.Session)
	}
	b.sessions[s.ID] = s
}

func (b *book) get(id uuid.UUID, now time.Time) (accounts.Session, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sessions[id]
	return s, ok && now.Before(s.ExpiresAt)
}

// OpenAlone makes an access token for somebody whose login has succeeded while no session can be stored. There is no refresh
// token.
func (f *Families) OpenAlone(l Login) (Tokens, error) {
	now := f.c.Now().UTC().Truncate(time.Microsecond)
	s := accounts.Session{ID: f.c.NewID(), AccountID: l.ID, Source: l.Source, LegacyID: l.LegacyID, CreatedAt: now, ExpiresAt: now.Add(f.life)}
	access, life, err := f.Sign(s, l.Name, l.Required)
	if err != nil {
		return Tokens{}, err
	}
	f.alone.put(s)
	return Tokens{Access: access, ExpiresIn: life}, nil
}

// SessionAlone returns the session of an access token as far as it is known without the store: where the person is found, if
// this process has opened it alone, and else whose it is.
func (f *Families) SessionAlone(c Claims) (accounts.Session, error) {
	account, err := uuid.Parse(c.Subject)
	if err != nil {
		return accounts.Session{}, ErrInvalid
	}
	if s, ok := f.alone.get(c.SessionID, f.c.Now()); ok && s.AccountID == account {
		return s, nil
	}
	return accounts.Session{ID: c.SessionID, AccountID: account}, nil
}
