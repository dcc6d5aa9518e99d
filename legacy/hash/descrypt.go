package hash

import (
	"crypto/des"
	"slices"
	"strings"

	"rekey/legacy"
)

// The schemes on DES: Unix crypt(3) of 1979, BSDi's extension, and DEC's bigcrypt. All drop each byte's high bit.

const (
	desRounds      = 25
	crypt16First   = 20 // rounds of crypt16 over the first 8 bytes of a password
	crypt16Second  = 5  // and over the next 8
	desDigest      = 11 // characters for 8 bytes
	bigcryptBlocks = 16 // of 8 bytes of password each
)

// openDESCrypt reads 2 characters of salt and 11 of digest. 8 bytes of the password count.
func openDESCrypt(_ *env, s legacy.Stored) (*Hash, error) {
	salt, want, err := parseDES(s.Hash, 1)
	if err != nil {
		return nil, err
	}
	return &Hash{
		Limit: 8, Fold: Fold7Bit,
		compute: func(password []byte) []byte {
			if hasNUL(password) {
				return nil
			}
			return desBlock(desSP(), password, salt, desRounds)
		},
		want:   want[0],
		masked: withHash(s, s.Hash[:2]+strings.Repeat(".", desDigest)),
	}, nil
}

// openBigcrypt reads 2 characters of salt and up to 16 digests, one for each 8 bytes of the password. Each digest is
// salted by the one before it, so the filler keeps the salts: the first two characters of all but the last.
func openBigcrypt(_ *env, s legacy.Stored) (*Hash, error) {
	salt, want, err := parseDES(s.Hash, bigcryptBlocks)
	if err != nil {
		return nil, err
	}
	return &Hash{
		Limit: 8 * bigcryptBlocks, Fold: Fold7Bit,
		compute: func(password []byte) []byte {
			if hasNUL(password) {
				return nil
			}
			return bigcrypt(password, salt)
		},
		want:   slices.Concat(want...),
		masked: withHash(s, s.Hash[:2]+strings.Repeat(".", len(s.Hash)-2)),
	}, nil
}

// openCrypt16 reads 2 characters of salt and two digests, of 8 bytes of the password each, under one salt.
func openCrypt16(_ *env, s legacy.Stored) (*Hash, error) {
	salt, want, err := parseDES(s.Hash, 2)
	if err != nil {
		return nil, err
	}
	if len(want) != 2 {
		return nil, malformed("want two digests of 11 characters")
	}
	return &Hash{
		Limit: 16, Fold: Fold7Bit,
		compute: func(password []byte) []byte {
			if hasNUL(password) {
				return nil
			}
			tables := desSP()
			return append(desBlock(tables, password, salt, crypt16First),
				desBlock(tables, password[min(len(password), 8):], salt, crypt16Second)...)
		},
		want:   slices.Concat(want...),
		masked: withHash(s, s.Hash[:2]+strings.Repeat(".", 2*desDigest)),
	}, nil
}

// bigcrypt returns 8 bytes of digest for each 8 bytes of password.
func bigcrypt(password []byte, salt uint32) []byte {
	tables := desSP()
	var out []byte
	for block := range bigcryptBlocks {
		digest := desBlock(tables, password[min(len(password), 8*block):], salt, desRounds)
		out = append(out, digest...)
		if len(password) <= 8*(block+1) {
			break
		}
		next, _ := crypt64Number(b64Crypt.EncodeToString(digest)[:2])
		salt = uint32(next)
	}
	return out
}

// parseDES reads the salt and at most blocks digests.
func parseDES(stored string, blocks int) (salt uint32, digests [][]byte, err error) {
	if len(stored) < 2+desDigest || (len(stored)-2)%desDigest != 0 || (len(stored)-2)/desDigest > blocks {
		return 0, nil, malformed("want 2 characters of salt and 11 of digest")
	}
	number, ok := crypt64Number(stored[:2])
	if !ok {
		return 0, nil, malformed("salt is not in crypt's base64")
	}
	for text := stored[2:]; text != ""; text = text[desDigest:] {
		digest, ok := decode64(b64Crypt, text[:desDigest], des.BlockSize)
		if !ok {
			return 0, nil, malformed("digest is not in crypt's base64")
		}
		digests = append(digests, digest)
	}
	return uint32(number), digests, nil
}

// openBSDiCrypt reads "_", 4 characters of count, 4 of salt, 11 of digest. The whole password counts.
func openBSDiCrypt(e *env, s legacy.Stored) (*Hash, error) {
	if len(s.Hash) != 20 || s.Hash[0] != '_' {
		return nil, malformed("want _, 4 characters of count, 4 of salt and 11 of digest")
	}
	count, ok := crypt64Number(s.Hash[1:5])
	salt, ok2 := crypt64Number(s.Hash[5:9])
	want, ok3 := decode64(b64Crypt, s.Hash[9:], des.BlockSize)
	if !ok || !ok2 || !ok3 {
		return nil, malformed("not in crypt's base64")
	}
	if err := within("BSDi count", int64(count), 1, e.bounds.DigestIterations); err != nil {
		return nil, err
	}
	return &Hash{
		Fold: Fold7Bit,
		compute: func(password []byte) []byte {
			if hasNUL(password) {
				return nil
			}
			return desFinal(newDESKey(bsdiKey(password)).encryptZeros(desSP(), uint32(salt), int(count)))
		},
		want:   want,
		masked: withHash(s, s.Hash[:9]+strings.Repeat(".", desDigest)),
	}, nil
}

// bsdiKey folds a password into 8 bytes: encrypt what there is under itself, add the next 8 bytes.
func bsdiKey(password []byte) [8]byte {
	key := desPassword(password)
	for rest := password[min(8, len(password)):]; len(rest) > 0; rest = rest[min(8, len(rest)):] {
		block, err := des.NewCipher(key[:])
		if err != nil {
			panic("hash: a DES key is 8 bytes") // not reached
		}
		block.Encrypt(key[:], key[:])
		for i, c := range desPassword(rest) {
			key[i] ^= c
		}
	}
	return key
}

// desPassword makes a key of the first 8 bytes: 7 bits of each, above a parity bit that nothing reads.
func desPassword(password []byte) (key [8]byte) {
	for i, c := range password[:min(8, len(password))] {
		key[i] = c << 1
	}
	return key
}

func desBlock(t *desTables, password []byte, salt uint32, count int) []byte {
	return desFinal(newDESKey(desPassword(password)).encryptZeros(t, salt, count))
}
