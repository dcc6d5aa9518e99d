package config

import (
	"fmt"
	"reflect"
	"strings"
)

const envPrefix = "REKEY_"

// notConfiguration are variables that begin with REKEY_ and are not keys: which file to read, and what tests use.
var notConfiguration = []string{"REKEY_CONFIG", "REKEY_FAILPOINT", "REKEY_FAILPOINT_", "REKEY_TEST_", "REKEY_SERVICES_"}

// environment reads the variables over what the file said: the path of a key, joined by "_", in capitals.
func (l *loader) environment(environ []string) {
	vars := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !reserved(name) {
			vars[name] = value
		}
	}
	e := &envLayer{loader: l, vars: vars, unused: sortedKeys(vars)}
	e.group(reflect.ValueOf(l.config).Elem(), strings.TrimSuffix(envPrefix, "_"), "")
	for _, name := range e.unused {
		near := nearest(name, e.known)
		if near != "" {
			near = "; did you mean " + near + "?"
		}
		l.problemAt(Origin{From: FromEnv, Name: name}, "", "unknown variable%s", near)
	}
}

// reserved reports whether a variable is not configuration. An entry that ends in "_" stands for all it begins.
func reserved(name string) bool {
	for _, r := range notConfiguration {
		if name == r || strings.HasSuffix(r, "_") && strings.HasPrefix(name, r) {
			return true
		}
	}
	return false
}

// An envLayer walks the configuration and picks the variables that belong to it.
type envLayer struct {
	*loader
	vars   map[string]string
	unused []string // names not yet picked, sorted
	known  []string // names that exist
}

// take picks a variable.
func (e *envLayer) take(name string) (string, bool) {
	e.known = append(e.known, name)
	text, ok := e.vars[name]
	if ok {
		kept := e.unused[:0]
		for _, n := range e.unused {
			if n != name {
				kept = append(kept, n)
			}
		}
		e.unused = kept
	}
	return text, ok
}

func (e *envLayer) group(v reflect.Value, name, path string) {
	if w, ok := reflect.TypeAssert[worder](v.Addr()); ok {
		if text, ok := e.take(name); ok {
			at := Origin{From: FromEnv, Name: name}
			e.config.origins[path] = at
			if err := w.setWord(text); err != nil {
				e.problemAt(at, path, "%v", err)
			}
		}
	}
	for f := range v.Type().Fields() {
		if key := keyOf(f); f.IsExported() && key != "" {
			e.value(v.FieldByIndex(f.Index), name+"_"+strings.ToUpper(key), join(path, key))
		}
	}
}

func (e *envLayer) value(v reflect.Value, name, path string) {
	at := Origin{From: FromEnv, Name: name}
	switch {
	case isLeaf(v.Type()):
		if text, ok := e.take(name); ok {
			e.setLeaf(v, path, text, at)
		}
		if !isSecret(v.Type()) {
			return
		}
		if file, ok := e.take(name + "_FILE"); ok {
			e.setSecretFile(v, path, file, Origin{From: FromEnv, Name: name + "_FILE"})
		}
	case v.Kind() == reflect.Struct:
		e.group(v, name, path)
	case v.Kind() == reflect.Map:
		if text, ok := e.take(name); ok {
			e.params(v, path, text, at)
		}
	case v.Kind() == reflect.Slice:
		e.list(v, name, path)
	}
}

// list goes through the elements that are there, and begins the next one if a variable speaks of it.
func (e *envLayer) list(v reflect.Value, name, path string) {
	if v.IsNil() {
		if !e.speaksOf(name + "_0_") {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, maxList)) // no element may move: secrets are read into them later
	}
	for i := range maxList {
		element := fmt.Sprintf("%s_%d", name, i)
		if i == v.Len() {
			if !e.speaksOf(element + "_") {
				return
			}
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			if d, ok := reflect.TypeAssert[defaulter](v.Index(i).Addr()); ok {
				d.setDefaults()
			}
		}
		e.value(v.Index(i), element, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (e *envLayer) speaksOf(prefix string) bool {
	for _, name := range e.unused {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// params takes name=value pairs with commas between them, because the names tell capitals apart.
func (e *envLayer) params(v reflect.Value, path, text string, at Origin) {
	texts := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			e.problemAt(at, path, "want name=value pairs with commas between them")
			return
		}
		texts[name] = value
	}
	e.config.origins[path] = at
	setTexts(v, texts)
}
