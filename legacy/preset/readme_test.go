package preset_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rekey/legacy/preset"
)

var update = flag.Bool("update", false, "write the README's part that is made from the presets")

const (
	readmeStart = "<!-- from here to the end: go test ./legacy/preset -run TestReadme -update -->\n"
	readme      = "README.md"
)

// TestReadme: what the README says of the presets is what they are.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	byHand, _, ok := strings.Cut(string(text), readmeStart)
	if !ok {
		t.Fatalf("no line %q", readmeStart)
	}
	want := byHand + readmeStart + overview() + details()
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Error("the README does not say what the presets are; run with -update and read the difference")
	}
}

// overview is a table with a line for each preset.
func overview() string {
	var b strings.Builder
	b.WriteString("\n## Overview\n\n| preset | application | database | table of people | scheme | needs |\n|---|---|---|---|---|---|\n")
	for _, p := range preset.All() {
		var needs []string
		for _, need := range p.Needs {
			key := "`" + need.Key + "`"
			if !need.Always {
				key = "(" + key + ")"
			}
			needs = append(needs, key)
		}
		table := "`" + p.TableWith("") + "`"
		switch {
		case p.File.Format != "":
			table = "an export, " + p.File.Format
		case p.Table == "":
			table = "`" + queryTables(p)[0] + "`, by queries"
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s | `%s` | %s |\n",
			p.Name, p.Name, p.Title, strings.Join(p.Engines, ", "), table, p.Scheme, strings.Join(needs, ", "))
	}
	return b.String()
}

// details has a chapter for each preset: what is read, which is what to grant, who is left out, and what to know.
func details() string {
	var b strings.Builder
	for _, p := range preset.All() {
		fmt.Fprintf(&b, "\n## %s\n\n%s. Defined in %s.\n\n", p.Name, p.Title, p.Source)
		for _, line := range reads(p) {
			fmt.Fprintf(&b, "- reads %s\n", line)
		}
		for _, c := range p.Where {
			fmt.Fprintf(&b, "- who is there: %s\n", spelled(c))
		}
		if p.Columns.Disabled != "" {
			fmt.Fprintf(&b, "- disabled: `%s`\n", p.Columns.Disabled)
		}
		for _, c := range p.DisabledWhen {
			fmt.Fprintf(&b, "- disabled: %s\n", spelled(c))
		}
		for _, name := range slices.Sorted(maps.Keys(p.Params)) {
			fmt.Fprintf(&b, "- parameter `%s`: %s\n", name, p.Params[name])
		}
		for _, name := range slices.Sorted(maps.Keys(p.ParamColumns)) {
			fmt.Fprintf(&b, "- parameter `%s`: each row's column `%s`\n", name, p.ParamColumns[name])
		}
		if w, ok := p.WriteWith(p.TableWith(""), ""); ok {
			fmt.Fprintf(&b, "- written back: %s\n", writes(w))
		}
		for _, need := range p.Needs {
			word := "may need"
			if need.Always {
				word = "needs"
			}
			fmt.Fprintf(&b, "- %s `%s`: %s\n", word, need.Key, need.Why)
		}
		if p.File.Command != "" {
			fmt.Fprintf(&b, "- exported by `%s`\n", p.File.Command)
		}
		for _, note := range p.Notes {
			fmt.Fprintf(&b, "- %s\n", note)
		}
	}
	return b.String()
}

// writes says what can be written back, as far as the source has columns for it.
func writes(w preset.Write) string {
	text := "passwords like each person's own"
	if w.Scheme != "" {
		text = "passwords as `" + w.Scheme + "`"
	}
	if w.Insert != "-" {
		text += ", new people"
	}
	if w.Delete != "-" {
		text += ", deletions"
	}
	return text
}

func spelled(c preset.Condition) string {
	return strings.TrimSuffix(fmt.Sprintf("`%s` %s %s", c.Column, c.Op, strings.Join(c.Values, ", ")), " ")
}

// reads returns a line for each table, with its columns.
func reads(p preset.Preset) []string {
	switch {
	case p.File.Format != "":
		return []string{"of the export: `" + strings.Join(slices.Sorted(maps.Values(p.File.Columns)), "`, `") + "`"}
	case p.Table == "":
		return []string{"by its own queries: `" + strings.Join(queryTables(p), "`, `") + "`"}
	}
	columns := map[string][]string{} // by alias; "" is the table of people
	add := func(names ...string) {
		for _, list := range names {
			for name := range strings.SplitSeq(list, ",") {
				alias, column, ok := strings.Cut(strings.TrimPrefix(name, "!"), ".")
				if !ok {
					alias, column = "", alias
				}
				if column != "" && !slices.Contains(columns[alias], column) {
					columns[alias] = append(columns[alias], column)
				}
			}
		}
	}
	c, more := p.Columns, p.Profile
	add(c.ID, c.Username, c.Email, c.Phone, c.Password, c.Salt, c.CreatedAt, c.LastLoginAt, c.Disabled)
	add(more.DisplayName, more.Locale, more.EmailVerified, more.PhoneVerified, more.Roles, more.Groups, more.TOTPSecret)
	add(p.Extra...)
	add(slices.Sorted(maps.Values(p.ParamColumns))...)
	for _, condition := range slices.Concat(p.Where, p.DisabledWhen) {
		add(condition.Column)
	}
	for _, join := range p.Joins {
		for _, on := range join.On {
			add(on.Left, join.As+"."+on.Right)
		}
		for _, condition := range join.Where {
			add(join.As + "." + condition.Column)
		}
	}
	lines := []string{line(p.TableWith(""), columns[""])}
	for _, join := range p.JoinsWith("") {
		lines = append(lines, line(join.Table, columns[join.As]))
	}
	return lines
}

func line(table string, columns []string) string {
	return "`" + table + "`: `" + strings.Join(columns, "`, `") + "`"
}

var queried = regexp.MustCompile(`(?:FROM|JOIN) ([a-z_]+)`)

// queryTables returns the tables of a preset's queries, that of people first.
func queryTables(p preset.Preset) []string {
	found := map[string]bool{}
	for _, match := range queried.FindAllStringSubmatch(p.Queries.Lookup, -1) {
		found[match[1]] = true
	}
	others := slices.Sorted(maps.Keys(found))
	i := slices.Index(others, "users")
	return append([]string{"users"}, slices.Delete(others, i, i+1)...)
}
