package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A worder is a group of keys that can also be one word.
type worder interface{ setWord(word string) error }

// A defaulter is an element of a list that starts with values of its own.
type defaulter interface{ setDefaults() }

// isLeaf reports whether a value is set from one text.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[Secret](), reflect.TypeFor[URL](), reflect.TypeFor[[]netip.Prefix](), reflect.TypeFor[List]():
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Int64, reflect.Float64, reflect.Bool:
		return true
	}
	return false
}

// isSecret reports whether a value also has a _file key, and must not be quoted.
func isSecret(t reflect.Type) bool {
	return t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[URL]()
}

// setText sets a leaf. Its errors say what is wanted and do not quote the text.
func setText(v reflect.Value, text string) error {
	switch target := v.Addr().Interface().(type) {
	case *Secret:
		*target = NewSecret(text)
	case *URL:
		*target = NewURL(text)
	case *string:
		*target = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil || text != "true" && text != "false" {
			return errors.New("want true or false")
		}
		*target = b
	case *int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("want a whole number")
		}
		*target = n
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("want a number such as 0.95")
		}
		*target = f
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("want a duration such as 300ms, 2s, 5m or 336h")
		}
		*target = d
	case *List:
		*target = List{}
		for part := range strings.SplitSeq(text, ",") {
			*target = append(*target, strings.TrimSpace(part))
		}
	case *[]netip.Prefix:
		return setPrefixes(target, strings.Split(text, ","))
	default:
		return fmt.Errorf("a %s cannot be configured", v.Type())
	}
	return nil
}

// setTexts sets a group whose keys are free.
func setTexts(v reflect.Value, texts map[string]string) {
	if v.Type() == reflect.TypeFor[Texts]() {
		v.Set(reflect.ValueOf(Texts(texts)))
		return
	}
	params := Params{}
	for name, text := range texts {
		params[name] = NewSecret(text)
	}
	v.Set(reflect.ValueOf(params))
}

// setPrefixes takes CIDR ranges and single addresses.
func setPrefixes(target *[]netip.Prefix, texts []string) error {
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); err != nil && addrErr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return errors.New("want a range of addresses such as 10.0.0.0/8")
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	*target = prefixes
	return nil
}

// onOff reads a switch and reports whether it is off.
func onOff(word string) (off bool, err error) {
	switch word {
	case "on":
		return false, nil
	case "off":
		return true, nil
	}
	return false, errors.New("want on, off, or the keys of this group")
}

// keyOf returns a field's key, or "" for a field that is not configured.
func keyOf(f reflect.StructField) string {
	if key := f.Tag.Get("yaml"); key != "-" {
		return key
	}
	return ""
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
