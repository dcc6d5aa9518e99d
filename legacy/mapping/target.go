package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"rekey/legacy"
)

// A result is what an expression has to give.
type result struct {
	word  string
	kinds []*cel.Type // that are accepted when it is compiled; what is unknown then is looked at for each person
	truth bool
}

var (
	resultTruth  = result{"true or false", []*cel.Type{cel.BoolType}, true}
	resultText   = result{"a text (string() makes one)", []*cel.Type{cel.StringType, cel.NullType}, false}
	resultMoment = result{"a time (timestamp() makes one)", []*cel.Type{cel.TimestampType, cel.NullType}, false}
	resultTexts  = result{"a list of texts", []*cel.Type{cel.ListType(cel.StringType), cel.ListType(cel.DynType), cel.NullType}, false}
)

func (r result) accepts(t *cel.Type) bool {
	return t.Kind() == types.DynKind || slices.ContainsFunc(r.kinds, t.IsExactType)
}

// errResult: the value is of another type than the field that it is for.
var errResult = errors.New("a value of another type than the field has")

// An edit is one person on whom a field is being set.
type edit struct {
	clean Sanitise
	user  *legacy.User
	found *notes
	field string
}

// A target is a field that can be set.
type target struct {
	result result
	assign func(*edit, ref.Val) error
}

const attributePrefix = "attributes."

// targetOf returns the target of a name in Config.Set.
func targetOf(name string) (target, error) {
	if attribute, ok := strings.CutPrefix(name, attributePrefix); ok {
		if attribute == "" || len(attribute) > maxItem || !utf8.ValidString(attribute) || strings.ContainsFunc(attribute, unicode.IsControl) ||
			strings.TrimFunc(attribute, atEnds) != attribute {
			return target{}, fmt.Errorf("set %q: the name of an attribute has 1 to %d bytes of text", name[:min(len(name), maxItem)], maxItem)
		}
		return attributeTarget(attribute), nil
	}
	all := targets()
	t, ok := all[name]
	if !ok {
		return target{}, fmt.Errorf("set %.64q: no such field; there are %s, %sNAME",
			name, strings.Join(slices.Sorted(maps.Keys(all)), ", "), attributePrefix)
	}
	return t, nil
}

// targets lists the fields that can be set. A person's key, password and second factors are not among them.
func targets() map[string]target {
	return map[string]target{
		"username":       textTarget(func(e *edit, text string) { e.user.Username = e.clean.identifier(text, e.field, e.found) }),
		"email":          textTarget(func(e *edit, text string) { e.user.Email = e.clean.email(text, e.field, e.found) }),
		"phone":          textTarget(func(e *edit, text string) { e.user.Phone = e.clean.identifier(text, e.field, e.found) }),
		"display_name":   textTarget(func(e *edit, text string) { e.user.Profile.DisplayName = e.clean.line(text, e.field, e.found) }),
		"locale":         textTarget(func(e *edit, text string) { e.user.Profile.Locale = e.clean.item(text, maxLocale, e.field, e.found) }),
		"disabled":       truthTarget(func(e *edit, truth bool) { e.user.Disabled = truth }),
		"email_verified": truthTarget(func(e *edit, truth bool) { e.user.Profile.EmailVerified = truth }), // settle has the last word
		"phone_verified": truthTarget(func(e *edit, truth bool) { e.user.Profile.PhoneVerified = truth }), // likewise
		"created_at":     momentTarget(func(e *edit, moment time.Time) { e.user.CreatedAt = moment }),
		"last_login_at":  momentTarget(func(e *edit, moment time.Time) { e.user.LastLoginAt = moment }),
		"roles":          textsTarget(func(e *edit, list []string) { e.user.Profile.Roles = e.clean.items(list, e.field, e.found) }),
		"groups":         textsTarget(func(e *edit, list []string) { e.user.Profile.Groups = e.clean.items(list, e.field, e.found) }),
	}
}

func textTarget(assign func(*edit, string)) target {
	return target{resultText, func(e *edit, value ref.Val) error {
		text, ok := textOf(value)
		if !ok {
			return errResult
		}
		assign(e, text)
		return nil
	}}
}

// attributeTarget sets an attribute; null takes it away.
func attributeTarget(name string) target {
	return target{resultText, func(e *edit, value ref.Val) error {
		text, ok := textOf(value)
		if !ok {
			return errResult
		}
		all := maps.Clone(e.user.Profile.Attributes) // it may be the store's own
		if all == nil {
			all = map[string]string{}
		}
		if value == types.NullValue {
			delete(all, name)
		} else {
			all[name] = e.clean.block(text, e.field, e.found)
		}
		e.user.Profile.Attributes = all
		return nil
	}}
}

func truthTarget(assign func(*edit, bool)) target {
	return target{resultTruth, func(e *edit, value ref.Val) error {
		truth, err := truthOf(value)
		if err != nil {
			return err
		}
		assign(e, truth)
		return nil
	}}
}

func momentTarget(assign func(*edit, time.Time)) target {
	return target{resultMoment, func(e *edit, value ref.Val) error {
		switch v := value.(type) {
		case types.Null:
			assign(e, time.Time{})
		case types.Timestamp:
			if v.Unix() == 0 && v.Nanosecond() == 0 {
				assign(e, time.Time{}) // an unknown time that was passed on; see orEpoch
				return nil
			}
			assign(e, v.UTC())
		default:
			return errResult
		}
		return nil
	}}
}

func textsTarget(assign func(*edit, []string)) target {
	return target{resultTexts, func(e *edit, value ref.Val) error {
		if value == types.NullValue {
			assign(e, nil)
			return nil
		}
		list, ok := value.(traits.Lister)
		if !ok {
			return errResult
		}
		var texts []string
		for it := list.Iterator(); it.HasNext() == types.True; {
			text, ok := it.Next().(types.String)
			if !ok {
				return errResult
			}
			texts = append(texts, string(text))
		}
		assign(e, texts)
		return nil
	}}
}

// textOf returns a value as a text: columns often hold a number where a text is meant, such as a phone number. Null is
// empty.
func textOf(value ref.Val) (string, bool) {
	switch v := value.(type) {
	case types.Null:
		return "", true
	case types.String:
		return string(v), true
	case types.Int:
		return strconv.FormatInt(int64(v), 10), true
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), true
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64), true
	case types.Bool:
		return strconv.FormatBool(bool(v)), true
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), true
	}
	return "", false
}
