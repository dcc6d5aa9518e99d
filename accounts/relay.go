package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"
	"time"

	"rekey/accounts/failpoint"
	"rekey/legacy"
)

// The relay brings deliveries to the legacy stores, in rules:
//
//  1. One relay at a time is at a delivery, by a claim that ends by itself, and one account's deliveries arrive in the
//     order of its changes. A claim that has ended writes nothing any more.
//  2. The person is read, and looks as when they were last copied or delivered to; only then they are written, under the
//     condition that the stored password still is the one that was just read. So a late or repeated write does nothing.
//  3. Who carries our hash already was delivered to: the answer was lost.
//  4. Who looks otherwise was changed there by others. What was changed here stands, the conflict is noted for support,
//     and the delivery goes on from what is there now.
//  5. A delivery is dropped by nothing but arrival. What the legacy store refuses waits, with its reason, and blocks the
//     way back until somebody has looked.

const (
	claimFor   = 30 * time.Second // how long a delivery may take; each question to a legacy store ends long before
	claimGuard = 5 * time.Second  // no write is sent when less of the claim is left
	retryFirst = time.Second      // until a store that did not answer is tried again; doubled each time
	retryMost  = time.Minute
	retryNo    = 10 * time.Minute // until one that has refused is
)

// JobCopyBack is the kind of background work that DeliverNext does.
const JobCopyBack = "copy-back"

// owes tells the relay of what a write that has ended like this owes the legacy stores.
func (s *Service) owes(owed []Delivery, err error) {
	if err == nil && len(owed) > 0 {
		s.nudge(JobCopyBack)
	}
}

// DeliverNext tries the delivery that is due first, and reports whether there was one. Several may be at it at once, on as
// many machines. Its error says that the new store did not answer; what a legacy store says is kept with the delivery.
func (s *Service) DeliverNext(ctx context.Context) (bool, error) {
	return claimNext(ctx, s, s.store.ClaimDelivery, s.tryDelivery)
}

// tryDelivery tries a delivery, and writes down what became of it.
func (s *Service) tryDelivery(ctx context.Context, d Delivery, now time.Time) error {
	p, err := s.unpack(d)
	var link *LegacyLink
	if err == nil {
		link, err = s.deliver(ctx, d, p)
	}
	switch {
	case err == nil:
		if err = s.finish(ctx, d, p, link); err == nil {
			s.stats.Delivered.Add(1)
			s.nudge(JobMail) // somebody may be told
		}
	case d.Intent && refusal(err) != nil && !errors.Is(err, legacy.ErrNotSent): // nobody waits for it, and it never will be
		s.log.WarnContext(ctx, "a change that was interrupted was not made", "account", d.AccountID, "kind", d.Kind, "error", err)
		return s.store.DropDelivery(ctx, d, wasChanged(err))
	default:
		next, refused := retryAfter(d, err)
		s.stats.NotDelivered.Add(1)
		s.log.WarnContext(ctx, "copy-back not delivered; it is tried again", "account", d.AccountID, "source", d.Source, "kind", d.Kind,
			"attempts", d.Attempts, "error", err)
		return s.store.PostponeDelivery(ctx, d, now.Add(next), refused)
	}
	return err
}

// claimNext claims what is due first and does it while the claim lasts, whatever becomes of ctx. It reports whether there was
// something; a claim that has ended meanwhile is no error, for somebody else goes on.
func claimNext[T any](
	ctx context.Context, s *Service, claim func(ctx context.Context, at, until time.Time) (T, error), do func(context.Context, T, time.Time) error,
) (bool, error) {
	now := s.now()
	claimed, err := claim(ctx, now, now.Add(claimFor))
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimFor-claimGuard)
	defer cancel()
	s.unended.Add(1)
	defer s.unended.Done()
	if err := do(ctx, claimed, now); !errors.Is(err, ErrStale) {
		return true, err
	}
	return true, nil
}

// errAgain is a delivery that can be tried again at once: what it met has been settled.
var errAgain = errors.New("the legacy record was changed by others; settled")

// retryAfter returns when a delivery that did not arrive is tried again, and what the legacy store said.
func retryAfter(d Delivery, err error) (time.Duration, string) {
	var no *legacy.RefusedError
	switch {
	case errors.As(err, &no):
		return retryNo, no.Error()
	case errors.Is(err, legacy.ErrNoUser):
		return retryNo, "the person is not in the legacy store any more"
	case errors.Is(err, errNoWriter):
		return retryNo, errNoWriter.Error()
	case errors.Is(err, errAgain):
		return 0, ""
	}
	return min(retryFirst<<min(d.Attempts, 10), retryMost), ""
}

var errNoWriter = errors.New("no source of that name takes changes")

// deliver writes one change to its legacy store, and returns what the link is to be afterwards; nil leaves it as it is.
func (s *Service) deliver(ctx context.Context, d Delivery, p parcel) (*LegacyLink, error) {
	i := s.sourceIndex(d.Source)
	if i < 0 {
		return nil, errNoWriter
	}
	source := s.sources[i]
	writer, getter, err := source.writer()
	if err != nil {
		return nil, err
	}
	run := delivery{Service: s, Delivery: d, parcel: p, source: source, writer: writer, getter: getter}
	bring, known := map[DeliveryKind]func(context.Context) (*LegacyLink, error){
		DeliverInsert: run.insert, DeliverPassword: run.change, DeliverDelete: run.change, DeliverEmail: run.email,
	}[d.Kind]
	if !known {
		return nil, fmt.Errorf("a delivery of kind %q is not known to this version (%w)", d.Kind, legacy.ErrNotSent)
	}
	link, err := bring(ctx)
	if err != nil && !run.sent && refusal(err) == nil {
		err = fmt.Errorf("%w (%w)", err, legacy.ErrNotSent)
	}
	return link, err
}

// writer returns the powers that a delivery needs.
func (s Source) writer() (legacy.Writer, legacy.Getter, error) {
	writer, writes := s.Source.(legacy.Writer)
	getter, gets := s.Source.(legacy.Getter)
	if !writes || !gets {
		return nil, nil, errNoWriter
	}
	return writer, getter, nil
}

func (s *Service) sourceIndex(name string) int {
	return slices.IndexFunc(s.sources, func(source Source) bool { return source.Name == name })
}

// A delivery is a Delivery that is under way.
type delivery struct {
	*Service
	Delivery
	parcel parcel
	source Source
	writer legacy.Writer
	getter legacy.Getter
	sent   bool // a write was begun
}

// change brings a new password, or the end of a person.
func (d *delivery) change(ctx context.Context) (*LegacyLink, error) {
	id, err := d.legacyID(ctx)
	if err != nil {
		return nil, err
	}
	user, err := d.getter.Get(ctx, id)
	switch {
	case errors.Is(err, legacy.ErrNoUser) && d.Kind == DeliverDelete:
		return nil, nil // they are gone, whoever did it
	case err != nil:
		return nil, err
	}
	is := candidate{source: d.source, user: user}
	if d.Kind == DeliverPassword && d.carries(user) {
		return d.linkNow(is, id), nil
	}
	if d.Intent {
		err = d.overtaken(is)
	} else {
		err = d.settleDrift(ctx, is, id)
	}
	switch {
	case errors.Is(err, legacy.ErrNoUser) && d.Kind == DeliverDelete:
		return nil, nil // the record is another's
	case err != nil:
		return nil, err
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	if d.Kind == DeliverDelete {
		return nil, d.writer.Delete(ctx, user)
	}
	made := d.parcel.Password.stored()
	err = d.writer.Update(ctx, user, legacy.Change{Password: &legacy.NewPassword{Hashed: made}})
	if errors.Is(err, legacy.ErrConflict) { // whoever had the claim before may have been late with this very change
		if is.user, err = d.getter.Get(ctx, id); err == nil && !d.carries(is.user) {
			err = legacy.ErrConflict
		}
	} else {
		is.user.Password = &made
	}
	if err != nil {
		return nil, err
	}
	return d.linkNow(is, id), nil
}

// errClaimEnded is why somebody who was stopped, or slow, writes nothing any more: others may have ended the delivery since, and
// the stored password may even be the same again.
var errClaimEnded = errors.New("the claim on the delivery has ended")

// begin is asked right before a write is sent.
func (d *delivery) begin() error {
	if !d.now().Before(d.ClaimedTo.Add(-claimGuard)) {
		return errClaimEnded
	}
	d.sent = true
	return nil
}

// insert brings a person who was born here. Whoever is there under their names with our hash is them.
func (d *delivery) insert(ctx context.Context) (*LegacyLink, error) {
	p, made := d.parcel.Person, d.parcel.Password.stored()
	user := legacy.User{Username: p.Username, Email: p.Email, Phone: p.Phone, Password: &made}
	user.Profile.DisplayName, user.Profile.EmailVerified = p.DisplayName, p.EmailVerified
	there, err := d.source.Lookup(ctx, user.Identifiers()...)
	if err != nil && !errors.Is(err, legacy.ErrTooMany) {
		return nil, err
	}
	if i := slices.IndexFunc(there, d.carries); i >= 0 {
		return d.linkNow(candidate{source: d.source, user: there[i]}, there[i].ID), nil
	}
	if err == nil && len(there) > 0 {
		if err := d.leaving(ctx, there); err != nil {
			return nil, err
		}
	}
	if err != nil || len(there) > 0 {
		return nil, &legacy.RefusedError{Reason: "somebody there has one of the identifiers", Taken: true}
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	id, err := d.writer.Insert(ctx, user, legacy.NewPassword{Hashed: made})
	if err != nil {
		return nil, err
	}
	user, err = d.getter.Get(ctx, id) // for the fields that the store itself fills in
	if err != nil {
		return nil, err
	}
	return d.linkNow(candidate{source: d.source, user: user}, id), nil
}

// leavingTries is how often somebody waits for their names, over some five minutes. Whoever still has them then has not gone for
// a reason of their own, and support is told.
const leavingTries = 10

// errLeaving is why somebody is not inserted yet.
var errLeaving = errors.New("somebody who was deleted here still has one of the identifiers there")

// leaving returns errLeaving if all who have the names of somebody new were deleted here: their own deliveries make room. Only
// the deliveries of one account arrive in order.
func (d *delivery) leaving(ctx context.Context, there []legacy.User) error {
	if d.Intent || d.Attempts >= leavingTries {
		return nil
	}
	for _, user := range there {
		switch rec, err := d.store.ByLink(ctx, d.source.Name, user.ID); {
		case errors.Is(err, ErrNotFound), err == nil && !rec.Deleted():
			return nil
		case err != nil:
			return err
		}
	}
	return errLeaving
}

// legacyID returns the key under which the legacy store has the person. Somebody who was born here got one when they were
// inserted, which is an earlier delivery.
func (d *delivery) legacyID(ctx context.Context) (string, error) {
	if d.parcel.LegacyID != "" {
		return d.parcel.LegacyID, nil
	}
	rec, err := d.store.ByID(ctx, d.AccountID)
	switch {
	case err != nil:
		return "", err
	case rec.Link == nil || rec.Link.Source != d.source.Name:
		return "", fmt.Errorf("account %s has no link to %s", d.AccountID, d.source.Name)
	}
	return rec.Link.LegacyID, nil
}

// carries reports whether a legacy person has the password that is delivered. Its salt is random, so nobody else has it.
func (d *delivery) carries(user legacy.User) bool {
	want := d.parcel.Password.stored()
	return user.Password != nil && user.Password.Hash == want.Hash && user.Password.Salt == want.Salt
}

// settleDrift returns nil if the person looks as when they were last copied or delivered to, and legacy.ErrNoUser if they are
// another person. Otherwise somebody else has changed them: that is noted, and the link takes note of what is there now.
func (d *delivery) settleDrift(ctx context.Context, is candidate, id string) error {
	rec, err := d.store.ByLink(ctx, d.source.Name, id)
	if err != nil {
		return err
	}
	if rec.Link.LegacyID == id && hmac.Equal(rec.Link.Fingerprint, d.fingerprint(is)) || failpoint.Without(failpoint.Fingerprint) {
		return nil
	}
	if err := d.ownRecord(ctx, rec, is); err != nil {
		return err
	}
	d.note(ctx, is, NoteDrifted, noteStands, Attempt{})
	if err := d.store.KeepLink(ctx, d.AccountID, *d.linkNow(is, id)); err != nil {
		return err
	}
	return errAgain
}

// ownRecord returns legacy.ErrNoUser where a record is of another person than the one of whom an account is or was made.
func (d *delivery) ownRecord(ctx context.Context, rec Record, is candidate) error {
	if rec.Link.LegacyID != is.user.ID || rec.Link.Source != is.source.Name || !d.isOther(is, *rec.Link) {
		return nil
	}
	d.note(ctx, is, NoteIDReused, noteReused, Attempt{})
	return legacy.ErrNoUser
}

// linkNow is the link to a legacy person who looks like this.
func (d *delivery) linkNow(is candidate, id string) *LegacyLink {
	return &LegacyLink{
		Source: d.source.Name, LegacyID: id, LegacyCreatedAt: is.user.CreatedAt, Fingerprint: d.fingerprint(is), How: ByCopyBack, At: d.now(),
	}
}
