package password

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/text/unicode/norm"
)

// ErrUnknownFold: a credential names a fold that this program does not have. It means "cannot tell".
var ErrUnknownFold = errors.New("unknown password fold")

// A Fold is what is done to a typed password before it is hashed, because the old system did it: what it proved was
// the folded password. Its name is stored with the credential, so a name never changes its meaning.
type Fold string

// The folds. Package legacy/hash declares the same names.
const (
	FoldNone  Fold = ""
	FoldTrim  Fold = "trim"  // leading and trailing " \n\r\t\v\x00" are cut, as by PHP's trim
	FoldLower Fold = "lower" // ASCII letters are lower-cased
	FoldUpper Fold = "upper" // ASCII letters are upper-cased
	FoldNFC   Fold = "nfc"   // Unicode normalisation form C (UAX #15)
	FoldNFKC  Fold = "nfkc"  // Unicode normalisation form KC (UAX #15)
	Fold7Bit  Fold = "7bit"  // the high bit of every byte is dropped, as by DES crypt(3)
)

// Apply returns password folded. The result may share memory with password, which is never changed. The error wraps
// ErrUnknownFold.
func (f Fold) Apply(password []byte) ([]byte, error) {
	fold := f.function()
	if fold == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownFold, string(f))
	}
	return fold(password), nil
}

// Check returns an error that wraps ErrUnknownFold if there is no such fold.
func (f Fold) Check() error {
	_, err := f.Apply(nil)
	return err
}

func (f Fold) function() func([]byte) []byte {
	switch f {
	case FoldNone:
		return func(b []byte) []byte { return b }
	case FoldTrim:
		return func(b []byte) []byte { return bytes.Trim(b, " \n\r\t\v\x00") }
	case FoldLower:
		return eachByte(func(c byte) byte { return caseOf(c, 'A', 'Z') })
	case FoldUpper:
		return eachByte(func(c byte) byte { return caseOf(c, 'a', 'z') })
	case FoldNFC:
		return norm.NFC.Bytes
	case FoldNFKC:
		return norm.NFKC.Bytes
	case Fold7Bit:
		return eachByte(func(c byte) byte { return c & 0x7f })
	}
	return nil
}

func eachByte(f func(byte) byte) func([]byte) []byte {
	return func(b []byte) []byte {
		folded := make([]byte, len(b))
		for i, c := range b {
			folded[i] = f(c)
		}
		return folded
	}
}

// caseOf swaps the case of an ASCII letter from first to last; other bytes stay, those of UTF-8 sequences included.
func caseOf(c, first, last byte) byte {
	if c >= first && c <= last {
		return c ^ 0x20
	}
	return c
}
