package hash

import (
	"strings"

	"rekey/legacy"
)

// splitSalt finds the salt of a value that a recipe opens. The parameter "salt_from" says where it is:
//
//	column      in a column of its own (the default)
//	split:X     behind the hash and X: "hash:salt". X is ":" if nothing stands there
//	rsplit:X    before X and the hash: "salt:hash", cut at the last X
//	head:N      the first N bytes of the hash column
//	tail:N      the last N bytes
//
// join puts another hash and another salt where the two were; a salt of a column of its own it leaves out.
func splitSalt(s legacy.Stored) (text, salt string, join func(hash, salt string) string, err error) {
	from := textParam(s, "salt_from", "column")
	how, detail, _ := strings.Cut(from, ":")
	separator := detail
	if separator == "" {
		separator = ":"
	}
	var ok bool
	switch how {
	case "column":
		return s.Hash, s.Salt, func(hash, _ string) string { return hash }, nil
	case "split":
		text, salt, ok = strings.Cut(s.Hash, separator)
		join = func(hash, salt string) string { return hash + separator + salt }
	case "rsplit":
		salt, text, ok = cutLast(s.Hash, separator)
		join = func(hash, salt string) string { return salt + separator + hash }
	case "head", "tail":
		n, valid := decimal(detail)
		if !valid || n < 1 || n > MaxStored {
			return "", "", nil, malformed("parameter salt_from wants a number of bytes behind " + how + ":")
		}
		if ok = int(n) < len(s.Hash); !ok {
			break
		}
		if how == "head" {
			salt, text = s.Hash[:n], s.Hash[n:]
			join = func(hash, salt string) string { return salt + hash }
		} else {
			text, salt = s.Hash[:len(s.Hash)-int(n)], s.Hash[len(s.Hash)-int(n):]
			join = func(hash, salt string) string { return hash + salt }
		}
	default:
		return "", "", nil, malformed("parameter salt_from must be column, split:X, rsplit:X, head:N or tail:N")
	}
	if !ok {
		return "", "", nil, malformed("the salt is not where salt_from says")
	}
	return text, salt, join, nil
}
