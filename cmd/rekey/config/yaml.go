package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// file reads the YAML layer. The parser is asked to let repeated keys through, so that they are found here with
// everything else and not one at a time.
func (l *loader) file(name string, src []byte) {
	l.name = name
	tree, err := parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntaxError(string(src), err)
		return
	}
	var body ast.Node
	for _, doc := range tree.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			l.problemAt(l.at(doc.Body, "", ""), "", "the file has a second document; everything belongs into one")
		default:
			body = doc.Body
		}
	}
	if body != nil {
		l.node(body, reflect.ValueOf(l.config).Elem(), "")
	}
}

// syntaxError tells where the text is not YAML. Of the line itself only the key is shown: its value may be a secret.
func (l *loader) syntaxError(src string, err error) {
	at := Origin{From: FromFile, Name: l.name}
	reason := "is not YAML"
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		reason = syntax.GetMessage()
		if token := syntax.GetToken(); token != nil && token.Position != nil {
			at.Line, at.Column = token.Position.Line, token.Position.Column
			lines := strings.Split(src, "\n")
			if at.Line >= 1 && at.Line <= len(lines) {
				if key, _, ok := strings.Cut(lines[at.Line-1], ":"); ok {
					at.excerpt = strings.TrimRight(key, " ") + ": …"
				}
			}
		}
	}
	l.problemAt(at, "", "%s", reason)
}

// at describes the place of a node.
func (l *loader) at(n ast.Node, key, value string) Origin {
	o := Origin{From: FromFile, Name: l.name}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // a block begins where its first key does, not at the colon
	}
	if token := n.GetToken(); token != nil && token.Position != nil {
		o.Line, o.Column = token.Position.Line, token.Position.Column
	}
	if key != "" {
		o.excerpt = key + ": " + oneLine(value)
		o.caret = len(key) + 2
	}
	return o
}

// atKey describes the place of a key.
func (l *loader) atKey(n ast.Node, key string) Origin {
	o := l.at(n, key, "…")
	o.caret = 0
	return o
}

// oneLine cuts a value for an excerpt.
func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}

// node puts one node of the tree into one value.
func (l *loader) node(n ast.Node, v reflect.Value, path string) {
	if isLeaf(v.Type()) {
		if seq, ok := n.(*ast.SequenceNode); ok {
			switch v.Type() {
			case reflect.TypeFor[[]netip.Prefix]():
				l.prefixes(seq, v, path)
				return
			case reflect.TypeFor[List]():
				l.list(seq, v, path)
				return
			}
		}
		l.leaf(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if text, ok := scalar(n); ok {
			l.word(n, v, path, text)
			return
		}
		l.mapping(n, v, path)
	case reflect.Slice:
		l.sequence(n, v, path)
	case reflect.Map:
		l.params(n, v, path)
	}
}

func (l *loader) leaf(n ast.Node, v reflect.Value, path string) {
	text, ok := scalar(n)
	if !ok {
		l.problemAt(l.at(n, "", ""), path, "want one value, not %s", describe(n))
		return
	}
	shown := text
	if isSecret(v.Type()) {
		shown = "…"
	}
	l.setLeaf(v, path, text, l.at(n, lastKey(path), shown))
}

func (l *loader) word(n ast.Node, v reflect.Value, path, text string) {
	w, ok := reflect.TypeAssert[worder](v.Addr())
	if !ok {
		l.problemAt(l.at(n, "", ""), path, "want a group of keys: %s", strings.Join(keysOf(v.Type()), ", "))
		return
	}
	at := l.at(n, lastKey(path), text)
	l.config.origins[path] = at
	if err := w.setWord(text); err != nil {
		l.problemAt(at, path, "%v", err)
	}
}

func (l *loader) mapping(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(ast.MapNode)
	if !ok {
		l.problemAt(l.at(n, "", ""), path, "want a group of keys, not %s", describe(n))
		return
	}
	if path != "" {
		l.config.origins[path] = l.at(n, "", "")
	}
	known := keysOf(v.Type())
	seen := map[string]int{}
	for pairs := m.MapRange(); pairs.Next(); {
		keyNode := pairs.Key()
		key, ok := scalar(keyNode)
		if !ok {
			l.problemAt(l.at(keyNode, "", ""), path, "a key must be one word, not %s", describe(keyNode))
			continue
		}
		place, at := join(path, key), l.atKey(keyNode, key)
		if line, repeated := seen[key]; repeated {
			l.problemAt(at, place, "is given twice; the first is on line %d", line)
			continue
		}
		seen[key] = at.Line
		field, ofFile := fieldByKey(v, key)
		switch {
		case !field.IsValid():
			l.problemAt(at, place, "unknown key%s", didYouMean(key, known))
		case pairs.Value() == nil || pairs.Value().Type() == ast.NullType:
			l.problemAt(at, place, "has no value; give it one or remove the line")
		case ofFile:
			l.secretPath(pairs.Value(), field, strings.TrimSuffix(place, "_file"))
		default:
			if before, both := l.config.origins[place]; both && isSecret(field.Type()) && before.From == FromFile {
				l.problemAt(at, place, "is given twice, as itself and as a file; keep one")
				continue
			}
			l.node(pairs.Value(), field, place)
		}
	}
}

func (l *loader) secretPath(n ast.Node, v reflect.Value, path string) {
	text, ok := scalar(n)
	if !ok || text == "" {
		l.problemAt(l.at(n, "", ""), path+"_file", "want the path of a file")
		return
	}
	l.setSecretFile(v, path, text, l.at(n, lastKey(path)+"_file", text))
}

func (l *loader) sequence(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	switch {
	case !ok:
		l.problemAt(l.at(n, "", ""), path, "want a list (lines that begin with \"- \"), not %s", describe(n))
		return
	case len(seq.Values) > maxList:
		l.problemAt(l.at(n, "", ""), path, "has more than %d elements", maxList)
		return
	}
	l.config.origins[path] = l.at(n, "", "")
	// Addresses of elements are kept for secrets that are read later: the list is made whole before they are taken.
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), maxList))
	for i, element := range seq.Values {
		place := fmt.Sprintf("%s[%d]", path, i)
		if d, ok := reflect.TypeAssert[defaulter](v.Index(i).Addr()); ok {
			d.setDefaults()
		}
		if element == nil || element.Type() == ast.NullType {
			l.problemAt(l.at(n, "", ""), place, "has no value; give it one or remove the line")
			continue
		}
		l.node(element, v.Index(i), place)
	}
}

func (l *loader) prefixes(seq *ast.SequenceNode, v reflect.Value, path string) {
	l.config.origins[path] = l.at(seq, "", "")
	var texts []string
	for i, element := range seq.Values {
		place := fmt.Sprintf("%s[%d]", path, i)
		text, ok := scalar(element)
		if !ok {
			l.problemAt(l.at(seq, "", ""), place, "want a range of addresses such as 10.0.0.0/8")
			continue
		}
		var one []netip.Prefix
		if err := setPrefixes(&one, []string{text}); err != nil {
			l.problemAt(l.at(element, lastKey(path), text), place, "%v", err)
			continue
		}
		texts = append(texts, text)
	}
	if err := setText(v, strings.Join(texts, ",")); err != nil {
		l.problem(path, "%v", err)
	}
}

func (l *loader) list(seq *ast.SequenceNode, v reflect.Value, path string) {
	l.config.origins[path] = l.at(seq, "", "")
	list := List{}
	for i, element := range seq.Values {
		text, ok := scalar(element)
		if !ok {
			l.problemAt(l.at(seq, "", ""), fmt.Sprintf("%s[%d]", path, i), "want one value")
			continue
		}
		list = append(list, text)
	}
	v.Set(reflect.ValueOf(list))
}

func (l *loader) params(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(ast.MapNode)
	if !ok {
		l.problemAt(l.at(n, "", ""), path, "want a group of keys, not %s", describe(n))
		return
	}
	l.config.origins[path] = l.at(n, "", "")
	texts := map[string]string{}
	for pairs := m.MapRange(); pairs.Next(); {
		key, ok := scalar(pairs.Key())
		if !ok {
			l.problemAt(l.at(pairs.Key(), "", ""), path, "a key must be one word, not %s", describe(pairs.Key()))
			continue
		}
		at, place := l.atKey(pairs.Key(), key), join(path, key)
		text, ok := scalar(pairs.Value())
		if _, repeated := texts[key]; repeated {
			l.problemAt(at, place, "is given twice")
			continue
		}
		if !ok {
			l.problemAt(at, place, "want one value")
			continue
		}
		l.config.origins[place] = at
		texts[key] = text
	}
	setTexts(v, texts)
}

// scalar returns the text of a node that is one value, as it was written: 0123 stays 0123.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// describe says what a node is, for people who do not write YAML all day.
func describe(n ast.Node) string {
	if n == nil {
		return "nothing"
	}
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a group of keys"
	case ast.SequenceType:
		return "a list"
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		return "an anchor or alias: they are not supported here"
	case ast.TagType:
		return "a tag: they are not supported here"
	case ast.NullType:
		return "nothing"
	}
	return "a single value"
}

// keysOf lists the keys of a group.
func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if key := keyOf(f); f.IsExported() && key != "" {
			keys = append(keys, key)
			if isSecret(f.Type) {
				keys = append(keys, key+"_file")
			}
		}
	}
	return keys
}

// fieldByKey finds the field of a key, and whether the key is its _file variant.
func fieldByKey(v reflect.Value, key string) (field reflect.Value, ofFile bool) {
	for f := range v.Type().Fields() {
		name := keyOf(f)
		switch {
		case !f.IsExported() || name == "":
		case name == key:
			return v.FieldByIndex(f.Index), false
		case name+"_file" == key && isSecret(f.Type):
			return v.FieldByIndex(f.Index), true
		}
	}
	return reflect.Value{}, false
}

// lastKey returns the last word of a path.
func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
