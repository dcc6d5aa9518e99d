package hash

import (
	"encoding/binary"
	"slices"
	"strings"

	"rekey/legacy"
)

// The hashes of .NET applications. ASP.NET Core Identity writes base64 of a versioned binary record
// (src/Identity/Extensions.Core/src/PasswordHasher.cs); the older ones hash the password as UTF-16LE.

func dotnetSchemes() []Scheme {
	return family("dotnet", []Scheme{
		// 00, salt[16], key[32]: pbkdf2-sha1 x1000. ASP.NET Identity 1 and 2, and Core's compatibility mode
		{Name: "aspnet-identity-v2", parse: parseIdentityV2, Match: func(stored string) bool {
			raw, ok := decode64(b64Std, stored, identityV2Size)
			return ok && raw[0] == 0
		}},
		// 01, prf, iterations, salt length (big-endian), salt, key[32]: ASP.NET Core Identity
		{Name: "aspnet-identity-v3", parse: parseIdentityV3, Match: func(stored string) bool {
			return len(stored) >= 84 && strings.HasPrefix(stored, "AQAAAA")
		}},
		// either, as PasswordHasher reads them
		{Name: "aspnet-identity", parse: parseIdentity},
		// System.Web's SqlMembershipProvider, "Hashed": b64(H(salt bytes+UTF-16LE pw)) and a base64 salt column
		{Name: "aspnet-membership-sha1", Aliases: []string{"aspnet-membership"}, parse: parseMembership(hashSHA1)},
		{Name: "aspnet-membership-sha256", parse: parseMembership(hashSHA256)},
		// the same as $episerver$*0*salt*hash (hashcat 141, sha1) and *1* (hashcat 1441, sha256)
		{Name: "episerver", Match: startsWith("$episerver$*"), parse: parseEPiServer},
		// Umbraco 4 to 7.5: b64(hmac-sha1(key=UTF-16LE pw, msg=UTF-16LE pw)), no salt
		{Name: "umbraco", parse: parseUmbraco},
	})
}

const (
	identitySalt   = 16 // bytes; Core refuses less, and writes no more
	identityKey    = 32 // bytes
	identityV2Size = 1 + identitySalt + identityKey
	identityV3Head = 13 // bytes before the salt
)

func parseIdentity(e *env, s legacy.Stored) (*Hash, error) {
	if strings.HasPrefix(s.Hash, "AQ") {
		return parseIdentityV3(e, s)
	}
	return parseIdentityV2(e, s)
}

func parseIdentityV2(e *env, s legacy.Stored) (*Hash, error) {
	raw, ok := decode64(b64Std, s.Hash, identityV2Size)
	if !ok || raw[0] != 0 {
		return nil, malformed("want base64 of 49 bytes that begin with 0")
	}
	d := hashSHA1
	set := pbkdf2Setting{prf: d, rounds: 1000, salt: raw[1 : 1+identitySalt], length: identityKey}
	return openIdentity(e, s, raw, set)
}

// identityPRFs are the members of KeyDerivationPrf, by number.
var identityPRFs = []hashFunc{hashSHA1, hashSHA256, hashSHA512}

func parseIdentityV3(e *env, s legacy.Stored) (*Hash, error) {
	raw, ok := decode64(b64Std, s.Hash, anyLen)
	if !ok || len(raw) < identityV3Head+identitySalt+identityKey || raw[0] != 1 {
		return nil, malformed("want base64 of a record that begins with 1")
	}
	prf := binary.BigEndian.Uint32(raw[1:])
	rounds := binary.BigEndian.Uint32(raw[5:])
	saltLength := int64(binary.BigEndian.Uint32(raw[9:]))
	if prf >= uint32(len(identityPRFs)) {
		return nil, malformed("unknown PRF")
	}
	if saltLength != int64(len(raw)-identityV3Head-identityKey) { // so it is at least identitySalt as well
		return nil, malformed("salt and key do not fill the record")
	}
	set := pbkdf2Setting{prf: identityPRFs[prf], rounds: int64(rounds), salt: raw[identityV3Head : len(raw)-identityKey], length: identityKey}
	return openIdentity(e, s, raw, set)
}

// openIdentity takes the key from the end of a record.
func openIdentity(e *env, s legacy.Stored, raw []byte, set pbkdf2Setting) (*Hash, error) {
	edge := len(raw) - identityKey
	want := slices.Clone(raw[edge:])
	return openPBKDF2(e, s, set, want, b64Std.EncodeToString(append(raw[:edge:edge], make([]byte, identityKey)...)))
}

func parseMembership(d hashFunc) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) { return openMembership(e, s, "", s.Hash, d, s.Salt) }
}

// openMembership opens b64(H(salt+UTF-16LE pw)); prefix goes before the masked digest.
func openMembership(e *env, s legacy.Stored, prefix, hash64 string, d hashFunc, salt64 string) (*Hash, error) {
	want, ok := decode64(b64Std, hash64, d.size)
	salt, okSalt := decode64(b64Std, salt64, anyLen)
	if !ok || !okSalt || len(salt) == 0 {
		return nil, malformed("want digest and salt in base64")
	}
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	return openDigest(s, want, prefix+zero64(b64Std, d.size), func(password []byte) []byte {
		wide := utf16le(password)
		if wide == nil {
			return nil
		}
		return d.sum(salt, wide)
	})
}

// episerverDigests are the digests of $episerver$ by number.
var episerverDigests = map[string]hashFunc{"0": hashSHA1, "1": hashSHA256}

func parseEPiServer(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, "*")
	if len(fields) != 4 || fields[0] != "$episerver$" || episerverDigests[fields[1]].new == nil {
		return nil, malformed("want $episerver$*0*salt*hash or *1*")
	}
	hash64 := fields[3]
	if len(hash64)%4 == 3 {
		hash64 += "=" // dumps for hashcat come without it
	}
	return openMembership(e, s, strings.Join(fields[:3], "*")+"*", hash64, episerverDigests[fields[1]], fields[2])
}

func parseUmbraco(_ *env, s legacy.Stored) (*Hash, error) {
	d := hashSHA1
	want, ok := decode64(b64Std, s.Hash, d.size)
	if !ok {
		return nil, malformed("want base64 of 20 bytes")
	}
	return openDigest(s, want, zero64(b64Std, d.size), func(password []byte) []byte {
		wide := utf16le(password)
		if wide == nil {
			return nil
		}
		return d.mac(wide, wide)
	})
}
