package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// An Edit is what somebody wants changed.
type Edit struct {
	// Patch is a JSON merge patch (RFC 7396) of the settings: what it names is changed, and null makes it the default again.
	// Beside them it may have "overrides": [] or null, which ends all of them.
	Patch  json.RawMessage
	Start  bool      // a run is asked for; so it is by whatever makes it run that was off
	Go     bool      // what pauses it for a while ends too
	Until  time.Time // when it ends by itself; zero: it holds for good
	By     string    // who wants it
	Reason string
}

// A Change is a field that an edit has changed. Both values are JSON.
type Change struct {
	Field  string `json:"field"` // its path: schedule.windows
	Before string `json:"before"`
	After  string `json:"after"`
}

// Apply makes an edit of a stored document. Without a change it returns the document as it was stored. Its error joins an
// *accounts.InvalidError for each field that cannot be so; another error says that the stored document cannot be read.
func Apply(stored []byte, e Edit, at time.Time, c Checks) (next []byte, changes []Change, err error) {
	before, err := Decode(stored)
	if err != nil {
		return nil, nil, err
	}
	if len(e.Patch) > MaxDocument {
		return nil, nil, invalid("settings", fmt.Sprintf("must be at most %d bytes", MaxDocument))
	}
	if e.Until.IsZero() {
		next, err = set(stored, before, e, at)
	} else {
		next, err = override(stored, before, e, at)
	}
	if err != nil {
		return nil, nil, err
	}
	after, err := Decode(next)
	if err != nil {
		return nil, nil, err
	}
	is := after.Settings
	if !e.Until.IsZero() {
		is = after.with(after.Overrides[len(after.Overrides)-1])
	}
	if err := errors.Join(is.check(c.changed(before.Settings, is))...); err != nil {
		return nil, nil, err
	}
	if err := after.Check(); err != nil {
		return nil, nil, err
	}
	before.Overrides = before.live(at) // what has ended is no change
	changes = diff(before, after)
	switch {
	case len(changes) == 0:
		return stored, nil, nil
	case len(next) > MaxDocument:
		return nil, nil, invalid("settings", fmt.Sprintf("must be at most %d bytes together", MaxDocument))
	}
	return next, changes, nil
}

// set makes an edit that holds for good.
func set(stored []byte, before Document, e Edit, at time.Time) ([]byte, error) {
	var asked struct {
		Settings
		Overrides []json.RawMessage `json:"overrides"`
	}
	if err := errors.Join(read("", e.Patch, &asked, true)...); err != nil {
		return nil, err
	}
	if len(asked.Overrides) > 0 {
		return nil, invalid("overrides", "must be empty, which ends them; one is added by saying until when")
	}
	next := merge(stored, e.Patch)
	now := map[string]any{}
	live := before.live(at)
	if e.Go {
		live = unpaused(live)
	}
	if !has(e.Patch, "overrides") && !bytes.Equal(written(live), written(before.Overrides)) {
		now["overrides"] = live
	}
	change := StateChange{At: at.UTC().Truncate(time.Second), By: e.By, Reason: e.Reason}
	if e.Start || (before.State == Off || before.pausedOff()) && asked.State == Running {
		now["started"] = Started{change, before.Starts() + 1}
	}
	change.From = before.State
	if asked.State != "" && asked.State != before.State || asked.State == "" && has(e.Patch, "state") {
		now["state_change"] = change
	}
	return mergeInto(next, now), nil
}

// unpaused returns the overrides without what they say of the state, and none that says nothing else.
func unpaused(all []Override) []Override {
	rest := []Override{}
	for _, o := range all {
		if o.Set = merge(o.Set, []byte(`{"state":null}`)); string(o.Set) != "{}" {
			rest = append(rest, o)
		}
	}
	return rest
}

// override makes an edit that ends by itself.
func override(stored []byte, before Document, e Edit, at time.Time) ([]byte, error) {
	var asked Settings
	faults := read("", e.Patch, &asked, true)
	if asked.State != "" && asked.State != Paused {
		faults = append(faults, invalid("state", "can only be paused for a while: what a person has stopped, a person starts"))
	}
	if !e.Until.After(at) || e.Until.Sub(at) > MaxOverride {
		faults = append(faults, invalid("until", "must be in the next 31 days"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	o := Override{Until: e.Until.UTC().Truncate(time.Second), By: e.By, Reason: e.Reason, Set: merge(nil, e.Patch)}
	if string(o.Set) == "{}" {
		return nil, invalid("settings", "must name what is to hold until then")
	}
	earlier := without(before.live(at), []Override{o}) // the same again is put behind the others, and there is one of it
	return mergeInto(stored, map[string]any{"overrides": append(earlier, o)}), nil
}

// object reads a JSON object that was found to be one; anything else is an empty one, as a merge patch takes it.
func object(raw json.RawMessage) map[string]json.RawMessage {
	all, _ := members(raw)
	o := make(map[string]json.RawMessage, len(all))
	for _, m := range all {
		o[m.name] = m.value
	}
	return o
}

func has(patch json.RawMessage, name string) bool { return object(patch)[name] != nil }

// merge is the function MergePatch of RFC 7396, section 2, of two objects. What the patch does not name stays, whether this
// version knows it or not.
func merge(target, patch json.RawMessage) json.RawMessage {
	merged := object(target)
	for name, value := range object(patch) {
		switch {
		case string(value) == "null":
			delete(merged, name)
		case bytes.HasPrefix(value, []byte("{")):
			merged[name] = merge(merged[name], value)
		default:
			merged[name] = value
		}
	}
	return written(merged)
}

// written returns the JSON of what came out of JSON, or is made to go into it.
func written(v any) json.RawMessage {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // a filter has < in it, and people read it
	if err := enc.Encode(v); err != nil {
		panic(err) // no value of this package is without JSON
	}
	return bytes.TrimSpace(text.Bytes())
}

// mergeInto puts members into an object.
func mergeInto(target json.RawMessage, now map[string]any) []byte {
	merged := object(target)
	for name, value := range now {
		merged[name] = written(value)
	}
	return written(merged)
}

// without returns the overrides that others do not have.
func without(all, others []Override) []Override {
	return slices.DeleteFunc(slices.Clone(all), func(o Override) bool {
		return slices.ContainsFunc(others, func(other Override) bool { return bytes.Equal(written(o), written(other)) })
	})
}

// diff returns what has changed, by path; of the overrides those that are gone, and those that are new.
func diff(before, after Document) []Change {
	was, is := before.Fields(), after.Fields()
	var changes []Change
	if !bytes.Equal(written(before.Overrides), written(after.Overrides)) {
		gone, added := without(before.Overrides, after.Overrides), without(after.Overrides, before.Overrides)
		changes = append(changes, Change{"overrides", string(written(gone)), string(written(added))})
	}
	if before.Starts() != after.Starts() {
		changes = append(changes, Change{"started", startedAt(before.Started), startedAt(after.Started)})
	}
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if was[field] != is[field] {
			changes = append(changes, Change{field, was[field], is[field]})
		}
	}
	return changes
}

func startedAt(s *Started) string {
	if s == nil {
		return "null"
	}
	return string(written(s.At))
}

// Fields returns the JSON of each field by its path, such as schedule.windows.
func (s Settings) Fields() map[string]string {
	fields := map[string]string{}
	leaves("", reflect.ValueOf(s), fields)
	return fields
}

// leaves collects the JSON of each field by its path.
func leaves(path string, of reflect.Value, into map[string]string) {
	for _, f := range reflect.VisibleFields(of.Type()) {
		at, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if path != "" {
			at = path + "." + at
		}
		if value := of.FieldByIndex(f.Index); value.Kind() == reflect.Struct {
			leaves(at, value, into)
		} else {
			into[at] = string(written(value.Interface()))
		}
	}
}

// maxShown bounds each side of a change in the audit, in characters: a filter of two lines.
const maxShown = 200

// Detail returns changes as the audit keeps them: by field, what it was and what it is.
func Detail(changes []Change) map[string]string {
	detail := make(map[string]string, len(changes))
	for _, c := range changes {
		detail[c.Field] = shown(c.Before) + " -> " + shown(c.After)
	}
	return detail
}

func shown(text string) string {
	if characters := []rune(text); len(characters) > maxShown {
		return string(characters[:maxShown]) + "…"
	}
	return text
}
