package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// The fingerprint of a link says that legacy is as it was when it was copied. Whether what was copied is here is another question:
// a comparison reads what the account holds, and compares it with what the legacy record would be mapped to now. The rules:
//
//  1. What was changed here is not compared: such an account is ahead, as a whole.
//  2. A name that the account lacks is no difference where somebody else holds it, here or there: it was left to them.
//  3. The profile may go its own way where the new store answers. Where legacy answers it has to be the same.
//  4. An account that was born here, and that legacy was told of, has what the old table had a column for; more than that is here.
//  5. A carried or wrapped hash has to open, for this account. A carried one has to be the very hash that legacy has. Of a wrap,
//     and of a password that was proven, that cannot be told without hashing, or not at all.
//  6. No value is ever told, only what it is of.

// An Aspect is what of somebody differs.
type Aspect string

// What may differ.
const (
	AspectNames    Aspect = "names"         // what they can type to log in: one is missing here, too many, or of another kind or spelling
	AspectDisabled Aspect = "disabled"      // they may log in by one store, and not by the other
	AspectProfile  Aspect = "profile"       // display name, locale, roles, groups, attributes, or whether an address is verified
	AspectPassword Aspect = "password"      // what is kept of it is missing, cannot be opened, or is of another hash
	AspectFactor   Aspect = "second-factor" // one store asks for a second factor, and the other does not
	AspectKey      Aspect = "key"           // the legacy store has several records under it: who else is meant nobody knows

	// AspectOwnProfile is AspectProfile where the new store answers: it stands, and is no difference.
	AspectOwnProfile Aspect = "own-profile"
)

// opens reports whether an aspect decides who gets in.
func (a Aspect) opens() bool { return a == AspectPassword || a == AspectDisabled || a == AspectFactor }

// A Content is what is here of a legacy person, wholly: of the Record, all but what the account owes, when it was made, the secrets
// of its second factors, and its identities elsewhere.
type Content struct {
	Copy
	Merged bool // the account is made from several legacy people
}

// record is the account; nil if there is none.
func (c *Content) record() *Record {
	if c == nil {
		return nil
	}
	return &c.Record
}

// profile is what is kept of them; nothing is an empty one.
func (c *Content) profile() Profile {
	if c.Profile == nil {
		return Profile{}
	}
	return *c.Profile
}

// A Judgement is what is found of one person, and, where the verdict is not enough, what of them it is about.
type Judgement struct {
	Verdict Verdict
	Aspects []Aspect
	Marks   bool // MarkDrifted would mark them, and has not yet; told of who was read again
}

// String is what was found, and of what.
func (j Judgement) String() string {
	words := []string{string(j.Verdict)}
	for _, of := range j.Aspects {
		words = append(words, string(of))
	}
	return strings.Join(words, " ")
}

// marked is a link as a repair leaves it. Who is not in the legacy store is not marked: no copy of theirs could be made again, and that
// they have gone is for the look at all links to say, which stops where many have.
func (j Judgement) marked(link LegacyLink) LegacyLink {
	switch {
	case j.Verdict == VerdictDisagreeing, j.Verdict == VerdictDifferent && len(j.Aspects) > 0:
		link.Dirty = true
	case j.Verdict == VerdictDifferent:
		link.Drifted = true
	}
	return link
}

// marks reports whether a repair changes a link.
func (j Judgement) marks(link LegacyLink) bool {
	is := j.marked(link)
	return is.Drifted != link.Drifted || is.Dirty != link.Dirty
}

// otherwiseEqual reports whether nothing but what comparing logins has found can tell the stores apart.
func (j Judgement) otherwiseEqual() bool {
	return j.Verdict == VerdictEqual || j.Verdict == VerdictUntrusted || j.Verdict == VerdictAhead && len(j.Aspects) > 0
}

// SeveralOfOneKey is what is found of a record that is not alone under its key. Nothing tells by the key whom of them the account
// was made of.
func SeveralOfOneKey() Judgement {
	return Judgement{Verdict: VerdictUnreadable, Aspects: []Aspect{AspectKey}}
}

// content reads what is here of one person; nil if nothing is.
func (s *Service) content(ctx context.Context, source, legacyID string) (*Content, error) {
	all, err := s.store.Contents(ctx, source, []string{legacyID})
	if err != nil {
		return nil, cannotTell("read what is here", err)
	}
	if c, here := all[legacyID]; here {
		return &c, nil
	}
	return nil, nil
}

// aspects compares an account, of which nothing was changed here, with the record that it was made from, whose fingerprint is
// that of the copy.
func (s *Service) aspects(con *Content, c candidate, a Attempt) (found []Aspect) {
	born := con.Link.How == ByCopyBack
	names := s.compareNames(con, c)
	if len(names.lacks) > 0 || names.otherwise {
		found = append(found, AspectNames)
	}
	// Of those who are one account each may have disabled it.
	if c.user.Disabled && !con.Disabled || !c.user.Disabled && con.DisabledThere && !con.Merged {
		found = append(found, AspectDisabled)
	}
	if !born && !con.Merged && (len(c.user.Profile.TOTP) > 0) != con.SecondFactor {
		found = append(found, AspectFactor)
	}
	if !s.isPasswordOf(con, c) {
		found = append(found, AspectPassword)
	}
	if !born && (names.unverified || profileText(con.profile()) != profileText(profileFrom(c.user.Profile))) {
		own := AspectProfile
		if a.row(con.Record).Answers == phase.New {
			own = AspectOwnProfile
		}
		found = append(found, own)
	}
	return found
}

// A nameComparison is how the names of an account differ from those of a legacy person.
type nameComparison struct {
	lacks      []Identifier // here
	otherwise  bool         // there are others here, or they are another way
	unverified bool         // an address is, and is verified there
}

func (s *Service) compareNames(con *Content, c candidate) (n nameComparison) {
	// The old table may keep it another way than somebody who was born here has said; of those who are one account another's may
	// come first.
	loosely := con.Merged || con.Link.How == ByCopyBack
	want, _ := s.identifiersOf(c, nil)
	for _, id := range want {
		i := slices.IndexFunc(con.Identifiers, func(own Identifier) bool { return own.Canonical == id.Canonical })
		if i < 0 {
			n.lacks = append(n.lacks, id)
			continue
		}
		own := con.Identifiers[i]
		respelled := own.Spelling != id.Spelling && id.Kind != Email // an address may have reached legacy by us, which keeps it as it likes
		n.otherwise = n.otherwise || !loosely && (own.Kind != id.Kind || respelled)
		n.unverified = n.unverified || id.Verified && !own.Verified
	}
	n.otherwise = n.otherwise || !loosely && len(con.Identifiers) > len(want)-len(n.lacks)
	return n
}

// profileText is a profile as far as it is compared: without what no database takes, and in no order; "" is an empty one.
func profileText(p Profile) string {
	if p.DisplayName == "" && p.Locale == "" && len(p.Roles)+len(p.Groups)+len(p.Attributes) == 0 {
		return ""
	}
	var text strings.Builder
	add := func(list ...string) {
		for _, value := range list { // a JSON text has a U+FFFD for each byte that is none
			text.WriteString(strconv.Quote(strings.ReplaceAll(string([]rune(value)), "\x00", "\uFFFD")) + " ")
		}
		text.WriteString("\n")
	}
	add(strings.ToValidUTF8(p.DisplayName, "\uFFFD"), strings.ToValidUTF8(p.Locale, "\uFFFD"))
	add(slices.Sorted(slices.Values(p.Roles))...)
	add(slices.Sorted(slices.Values(p.Groups))...)
	for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
		add(name, p.Attributes[name])
	}
	return text.String()
}

// isPasswordOf reports whether the credential of an account can be that of a legacy person; see rule 5.
func (s *Service) isPasswordOf(con *Content, c candidate) bool {
	kept := con.Credential
	if kept.Scheme != SchemeCarried {
		if _, err := password.MemoryOf(kept.Encoded); err != nil {
			return false // there is none, or nothing matches it
		}
	}
	switch kept.Scheme {
	case SchemeArgon2id:
		return true
	case SchemeWrapped:
		_, err := s.openLegacy(con.ID, kept.Legacy)
		return err == nil
	case SchemeCarried:
	}
	sealed, err := s.unsealLegacy(con.ID, kept.Legacy)
	if err != nil || c.user.Password == nil {
		return err == nil
	}
	there := *c.user.Password
	return sealed.Hash == there.Hash && sealed.Salt == there.Salt && sealed.User == there.User && maps.Equal(sealed.Params, there.Params)
}

// judge compares what is here with the legacy person of the same key; either may be nil. What it says of somebody who differs
// has yet to be explained.
func (s *Service) judge(con *Content, c *candidate, a Attempt) Judgement {
	verdict := VerdictEqual
	switch {
	case con == nil && c == nil: // gone from both, or never here
	case con == nil:
		verdict = VerdictMissingHere
	case con.Deleted():
		verdict = VerdictDeleted
	case c != nil && s.isOther(*c, *con.Link):
		verdict = VerdictIDReused
	case con.ChangedHere && !con.Credential.AwaitsReset(), con.Pinned, con.InDoubt:
		verdict = VerdictAhead
	case con.Part: // of an account that is named after another: nothing of theirs answers
	case c == nil && con.Link.Barred == BarredGone && con.Disabled:
		verdict = VerdictGone
	case c == nil:
		verdict = VerdictMissingThere
	case !hmac.Equal(con.Link.Fingerprint, s.fingerprint(*c)):
		verdict = VerdictDifferent
	case con.ChangedHere:
		verdict = VerdictAhead
	default:
		return s.judgeBy(s.aspects(con, *c, a), con, *c, a)
	}
	return Judgement{Verdict: verdict}
}

// judgeBy is judge of somebody whose fingerprint is that of the copy.
func (s *Service) judgeBy(found []Aspect, con *Content, c candidate, a Attempt) Judgement {
	switch {
	case slices.ContainsFunc(found, func(of Aspect) bool { return of != AspectOwnProfile }):
		return Judgement{Verdict: VerdictDifferent, Aspects: found}
	case s.waitsForLogin(con.Record, c) && !con.Link.Dirty:
		return Judgement{Verdict: VerdictWaiting}
	case s.stale(con.Record, c, a):
		return Judgement{Verdict: VerdictUntrusted}
	case len(found) > 0:
		return Judgement{Verdict: VerdictAhead, Aspects: found}
	}
	return Judgement{Verdict: VerdictEqual}
}

// explained takes away from what differs what is as it should be.
func (s *Service) explained(ctx context.Context, j Judgement, con *Content, c candidate, a Attempt) (Judgement, error) {
	var left []Aspect
	for _, of := range j.Aspects {
		should := false
		var err error
		if of == AspectNames {
			should, err = s.leftToOthers(ctx, con, c)
		} else if of == AspectDisabled {
			should, err = s.enabledHere(ctx, con, c, a)
		}
		switch {
		case err != nil:
			return Judgement{}, err
		case !should:
			left = append(left, of)
		}
	}
	if len(left) == len(j.Aspects) {
		return j, nil
	}
	return s.judgeBy(left, con, c, a), nil
}

// leftToOthers reports whether all that an account lacks of the names of a legacy person is another's, here or there.
func (s *Service) leftToOthers(ctx context.Context, con *Content, c candidate) (bool, error) {
	names := s.compareNames(con, c)
	if names.otherwise {
		return false, nil
	}
	for _, id := range names.lacks {
		switch _, err := s.store.ByIdentifier(ctx, id.Canonical); {
		case err == nil:
			continue
		case !errors.Is(err, ErrNotFound):
			return false, cannotTell("look for a name", err)
		}
		holders, err := s.lookup(ctx, s.rivals(c), []Identifier{id})
		switch {
		case slices.ContainsFunc(holders, func(other candidate) bool { return !other.is(c) }), errors.Is(err, legacy.ErrTooMany):
		case err != nil:
			return false, cannotTell("look for a name", err)
		default:
			return false, nil
		}
	}
	return true, nil
}

// enoughEvents finds the last time that an account was disabled or enabled, or copied.
const enoughEvents = 200

// enabledHere reports whether staff have enabled an account that the legacy store has disabled, since it was copied, and it is
// answered here.
func (s *Service) enabledHere(ctx context.Context, con *Content, c candidate, a Attempt) (bool, error) {
	if !c.user.Disabled || a.row(con.Record).Answers != phase.New {
		return false, nil
	}
	events, err := s.store.RecentEvents(ctx, EventQuery{Account: con.ID, Limit: enoughEvents})
	if err != nil {
		return false, cannotTell("read events", err)
	}
	i := slices.IndexFunc(events, func(e Event) bool {
		return slices.Contains([]EventKind{EventEnabled, EventDisabled, EventMigrated, EventCopied, EventReset}, e.Kind)
	})
	return i >= 0 && events[i].Kind == EventEnabled, nil
}

// pairOf is what a difference is between, by keyed digests: so long as both are the same, it is the same difference.
func (s *Service) pairOf(con *Content, c *candidate, j Judgement) pair {
	var p pair
	if con != nil {
		p.ours = con.Link.Fingerprint
	}
	if c != nil {
		p.theirs = s.fingerprint(*c)
	}
	if len(j.Aspects) > 0 {
		p.ours, p.theirs = s.print(p.ours, contentText(con, j)), s.print(p.theirs, profileText(profileFrom(c.user.Profile)))
	}
	return p
}

// contentText is what of an account a fingerprint does not tell.
func contentText(con *Content, j Judgement) string {
	var text strings.Builder
	for _, of := range j.Aspects {
		text.WriteString(string(of) + "\n")
	}
	for _, id := range con.Identifiers {
		text.WriteString(strconv.Quote(string(id.Kind)+" "+id.Canonical+" "+id.Spelling) + "\n")
	}
	text.WriteString(strconv.FormatBool(con.Disabled) + strconv.FormatBool(con.SecondFactor) + strconv.FormatInt(con.Credential.Version, 10) + "\n")
	text.WriteString(profileText(con.profile()))
	return text.String()
}

// print is a fingerprint of a fingerprint and something else.
func (s *Service) print(of []byte, text string) []byte {
	p := s.printer()
	defer s.printers.Put(p)
	p.add(string(of), text)
	return p.print()
}
