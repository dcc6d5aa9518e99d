package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
)

// A Value is one effective setting, fit to be shown: its secrets are hidden.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // "default", "rekey.yaml:12" or a variable's name

	secret bool // something was hidden
}

// Values lists every setting in the order of the fields, empty ones left out.
func (c *Config) Values() []Value {
	var values []Value
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch t := v.Type(); {
		case isLeaf(t) || t.Kind() == reflect.Map:
			if v.IsZero() && c.origins[path].From == "" {
				return
			}
			text, secret := showLeaf(v)
			values = append(values, Value{path, text, c.place(path).String(), secret})
		case t.Kind() == reflect.Struct:
			if limits, ok := reflect.TypeAssert[Limits](v); ok {
				values = append(values, Value{Key: path, Value: map[bool]string{true: "off", false: "on"}[limits.Off], Origin: c.place(path).String()})
			}
			for f := range t.Fields() {
				if key := keyOf(f); f.IsExported() && key != "" {
					walk(v.FieldByIndex(f.Index), join(path, key))
				}
			}
		case t.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		}
	}
	walk(reflect.ValueOf(*c), "")
	for i, v := range values {
		if _, set := c.origins[v.Key]; !set && v.Key != "limits" {
			values[i].Origin = FromDefault // the group around it was set, this was not
		}
	}
	return values
}

func showLeaf(v reflect.Value) (text string, secret bool) {
	switch value := v.Interface().(type) {
	case []netip.Prefix:
		parts := make([]string, len(value))
		for i, p := range value {
			parts[i] = p.String()
		}
		return strings.Join(parts, ","), false
	case List:
		return strings.Join(value, ","), false
	case Texts:
		parts := make([]string, 0, len(value))
		for _, name := range sortedKeys(value) {
			parts = append(parts, name+"="+value[name])
		}
		return strings.Join(parts, ","), false
	case URL:
		return value.String(), value.String() != value.Reveal()
	case Secret:
		return value.String(), true
	case Params:
		return value.String(), strings.Contains(value.String(), hidden)
	}
	return fmt.Sprint(v.Interface()), false
}
