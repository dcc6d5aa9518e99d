package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"rekey/accounts"
	"rekey/accounts/masterkey"
)

// sealPurpose is for what private keys are sealed; the key's id is bound to the text.
const sealPurpose = "signing-key"

// A key is a signing key, opened.
type key struct {
	info    KeyInfo
	alg     algorithm
	private crypto.Signer
	own     *ownKey // of Ed25519
	header  string  // of its tokens, encoded
}

func newKey(info KeyInfo, alg algorithm, private crypto.Signer) *key {
	k := &key{info: info, alg: alg, private: private, header: headerOf(info)}
	if ed, ok := private.(ed25519.PrivateKey); ok {
		k.own = newOwnKey(ed)
	}
	return k
}

// typeHeader is the media type of a JWT access token (RFC 9068, section 2.1).
const typeHeader = "at+jwt"

// headerOf returns the header of the tokens of a key: its three members, and nothing else.
func headerOf(info KeyInfo) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"kid":%q,"typ":%q}`, info.Algorithm, info.ID, typeHeader))
}

// keyIDIn returns the key id of a header, or what cannot be one.
func keyIDIn(header string) string {
	var h struct {
		ID string `json:"kid"`
	}
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return ""
	}
	return h.ID
}

// sign makes a token: header, claims and signature (RFC 7515, section 7.1).
func (k *key) sign(claims []byte) (string, error) {
	text := k.header + "." + base64.RawURLEncoding.EncodeToString(claims)
	signature, err := k.alg.method.Sign(text, k.private)
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// verify returns the claims of a token with the key's header, if the signature is the key's.
func (k *key) verify(raw string) (claims []byte, ok bool) {
	dot := strings.LastIndexByte(raw, '.')
	if dot <= len(k.header) {
		return nil, false
	}
	text := raw[:dot]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(raw[dot+1:])
	if err != nil {
		return nil, false
	}
	if k.own != nil {
		ok = k.own.made(signature, []byte(text))
	} else {
		ok = k.alg.method.Verify(text, signature, k.private.Public()) == nil
	}
	if !ok {
		return nil, false
	}
	claims, err = base64.RawURLEncoding.Strict().DecodeString(text[len(k.header)+1:])
	return claims, err == nil
}

// generate makes a new private key and its id, the JWK thumbprint (RFC 7638).
func generate(name string) (private crypto.Signer, kid string, err error) {
	alg, err := algorithmNamed(name)
	if err != nil {
		return nil, "", err
	}
	if private, err = alg.generate(); err != nil {
		return nil, "", err
	}
	kid, err = thumbprint(private.Public())
	return private, kid, err
}

func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// isKeyID reports whether the text could be a key id, so that nothing is asked about what cannot.
func isKeyID(kid string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(kid)
	return err == nil && len(sum) == crypto.SHA256.Size() && len(kid) == base64.RawURLEncoding.EncodedLen(len(sum))
}

func seal(master *masterkey.Key, private crypto.Signer, kid string) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return master.Seal(sealPurpose, der, []byte(kid)), nil
}

// open unseals a stored key and checks that it is what its row says.
func open(master *masterkey.Key, stored accounts.SigningKey, info KeyInfo) (*key, error) {
	alg, err := algorithmNamed(stored.Algorithm)
	if err != nil {
		return nil, err
	}
	der, err := master.Open(sealPurpose, stored.Sealed, []byte(stored.ID))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errForeignKey // the parser's own words could tell of the key
	}
	private, ok := parsed.(crypto.Signer)
	if !ok || !alg.owns(private.Public()) {
		return nil, errForeignKey
	}
	if kid, err := thumbprint(private.Public()); err != nil || kid != stored.ID {
		return nil, errForeignKey
	}
	return newKey(info, alg, private), nil
}

// State is what a signing key is good for at a moment.
type State string

// A key goes through these states in this order. A key that is replaced before it was ever active goes from
// published to retiring.
const (
	Published State = "published" // in the JWKS, so that caches hold it before it signs
	Active    State = "active"    // signs
	Retiring  State = "retiring"  // verifies what it has signed
	Outlived  State = "outlived"  // nothing that it has signed can be valid; it is removed
)

// A KeyInfo is what may be told of a signing key.
type KeyInfo struct {
	Seq       int64
	ID        string
	Algorithm string
	CreatedAt time.Time
	ActiveAt  time.Time
	Until     time.Time // when it is outlived; zero while no newer key is on its way
	State     State
}

// skew is by how much the clocks of two replicas may differ.
const skew = time.Minute

// Describe tells the state of each stored key, in the order given (oldest first), for access tokens that live
// accessLife. It needs no master key.
func Describe(stored []accounts.SigningKey, now time.Time, accessLife time.Duration) []KeyInfo {
	infos := make([]KeyInfo, len(stored))
	signs := false // whether a newer key does
	var until time.Time
	for i, k := range slices.Backward(stored) {
		infos[i] = KeyInfo{
			Seq: k.Seq, ID: k.ID, Algorithm: k.Algorithm, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt,
			Until: until, State: Retiring,
		}
		switch {
		case !until.IsZero() && !now.Before(until):
			infos[i].State = Outlived
		case signs:
		case k.ActiveAt.After(now):
			infos[i].State = Published
		default:
			infos[i].State, signs = Active, true
		}
		// The next older key signs nothing after this one becomes active, and what it signed before ends in time.
		if end := k.ActiveAt.Add(accessLife + skew); until.IsZero() || end.Before(until) {
			until = end
		}
	}
	// A first key from a replica whose clock is ahead of ours is not yet active here: there is none to wait with.
	if !signs {
		for i := range infos {
			if infos[i].State == Published {
				infos[i].State = Active
				break
			}
		}
	}
	return infos
}

// A snapshot is the set of keys at one reading of the store. It does not change.
type snapshot struct {
	generation uint64 // another set has another number
	keys       []*key // oldest first
	byID       map[string]*key
	byHeader   map[string]string // their ids
	jwks       []byte
}

func newSnapshot(generation uint64, keys []*key) (*snapshot, error) {
	s := &snapshot{generation: generation, keys: keys, byID: map[string]*key{}, byHeader: map[string]string{}}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		s.byID[k.info.ID], s.byHeader[k.header] = k, k.info.ID
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.info.ID, Algorithm: k.info.Algorithm, Use: "sig"})
	}
	var err error
	s.jwks, err = json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("write JWKS: %w", err)
	}
	return s, nil
}

// active returns the key that signs: the newest that is active, else the oldest.
func (s *snapshot) active(now time.Time) *key {
	for _, k := range slices.Backward(s.keys) {
		if !k.info.ActiveAt.After(now) {
			return k
		}
	}
	return s.keys[0]
}

// find returns the key of that id if it can still verify anything, else nil.
func (s *snapshot) find(kid string, now time.Time) *key {
	k := s.byID[kid]
	if k == nil || !k.info.Until.IsZero() && !now.Before(k.info.Until) {
		return nil
	}
	return k
}
