package governor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"rekey/accounts"
)

// A Signal names something that is measured. The unit is in the name; errors are shares, from 0 to 1. Of every signal more is
// worse.
type Signal string

// The signals.
const (
	LoginP99     Signal = "login_p99_ms"
	LoginRatio   Signal = "login_p99_ratio" // over the p99 of a time without a sweep; worked out here, and not read
	LoginErrors  Signal = "login_errors"
	HashWait     Signal = "hash_wait_ms"
	LegacyP95    Signal = "legacy_p95_ms"
	LegacyErrors Signal = "legacy_errors"
	StoreLatency Signal = "store_latency_ms"
	StoreWait    Signal = "store_wait_ms" // for a connection
	ReplicaLag   Signal = "replica_lag_ms"
	Backlog      Signal = "copy_back_backlog"
	Check        Signal = "check" // the operator's own, by the name in Reading.Of

	// Report is whether a process tells its signals, or a leader its verdict, at all. It has no limit: who is silent is not read.
	Report Signal = "report"
)

// A Limit says from which value on a signal holds, shrinks or stops. 0: never.
type Limit struct {
	Hold   float64 `json:"hold"`
	Shrink float64 `json:"shrink"`
	Stop   float64 `json:"stop"`
}

// Off tells whether nothing comes of the signal, whatever it says, and also if it says nothing.
func (l Limit) Off() bool { return l == Limit{} }

// zone returns where a value is, and the limit that it has reached.
func (l Limit) zone(value float64) (Zone, float64) {
	switch {
	case l.Stop > 0 && value >= l.Stop:
		return Stop, l.Stop
	case l.Shrink > 0 && value >= l.Shrink:
		return Shrink, l.Shrink
	case l.Hold > 0 && value >= l.Hold:
		return Hold, l.Hold
	}
	return Grow, 0
}

// Check returns an *accounts.InvalidError, with the field, if nothing sensible can come of l.
func (l Limit) Check() error {
	last, name := 0.0, ""
	for _, step := range []struct {
		name  string
		value float64
	}{{"hold", l.Hold}, {"shrink", l.Shrink}, {"stop", l.Stop}} {
		switch {
		case math.IsNaN(step.value) || math.IsInf(step.value, 0) || step.value < 0:
			return invalid(step.name, "must be a number from 0 on; 0 is never")
		case step.value == 0:
			continue
		case step.value < last:
			return invalid(step.name, "must not be below "+name)
		}
		last, name = step.value, step.name
	}
	return nil
}

// Limits say what the governor obeys. As JSON, what is left out is as in Default, and unknown fields are refused.
type Limits struct {
	LoginP99     Limit `json:"login_p99_ms"`
	LoginRatio   Limit `json:"login_p99_ratio"`
	LoginErrors  Limit `json:"login_errors"`
	HashWait     Limit `json:"hash_wait_ms"`
	LegacyP95    Limit `json:"legacy_p95_ms"`
	LegacyErrors Limit `json:"legacy_errors"`
	StoreLatency Limit `json:"store_latency_ms"`
	StoreWait    Limit `json:"store_wait_ms"`
	ReplicaLag   Limit `json:"replica_lag_ms"`
	Backlog      Limit `json:"copy_back_backlog"`

	// Checks are those of the operator's own checks, by name, in place of what their configuration says.
	Checks map[string]Limit `json:"checks,omitempty"`

	RatioFloorMS float64 `json:"ratio_floor_ms"` // below that a login p99 is fast enough, whatever it was without a sweep
	GrowEveryS   float64 `json:"grow_every_s"`   // between two steps up
	ShrinkEveryS float64 `json:"shrink_every_s"` // between two steps down: what was measured before the last says nothing of it
	SleepS       float64 `json:"sleep_s"`        // after a stop; doubled with each that comes soon after the last
	SleepMaxS    float64 `json:"sleep_max_s"`
}

// A kind is what is known of a signal.
type kind struct {
	signal Signal
	words  string // for people; with what it is of behind the first word
	unit   unit
	limit  func(*Limits) *Limit
}

// kinds are the signals that have a limit of their own.
var kinds = []kind{
	{LoginP99, "login p99", milliseconds, func(l *Limits) *Limit { return &l.LoginP99 }},
	{LoginRatio, "login p99 over its idle value", times, func(l *Limits) *Limit { return &l.LoginRatio }},
	{LoginErrors, "login errors", share, func(l *Limits) *Limit { return &l.LoginErrors }},
	{HashWait, "hash queue", milliseconds, func(l *Limits) *Limit { return &l.HashWait }},
	{LegacyP95, "legacy p95", milliseconds, func(l *Limits) *Limit { return &l.LegacyP95 }},
	{LegacyErrors, "legacy errors", share, func(l *Limits) *Limit { return &l.LegacyErrors }},
	{StoreLatency, "new store", milliseconds, func(l *Limits) *Limit { return &l.StoreLatency }},
	{StoreWait, "wait for a connection", milliseconds, func(l *Limits) *Limit { return &l.StoreWait }},
	{ReplicaLag, "replica lag", milliseconds, func(l *Limits) *Limit { return &l.ReplicaLag }},
	{Backlog, "copy-back backlog", number, func(l *Limits) *Limit { return &l.Backlog }},
}

// Signals returns all there are.
func Signals() []Signal {
	all := make([]Signal, 0, len(kinds)+2)
	for _, k := range kinds {
		all = append(all, k.signal)
	}
	return append(all, Check, Report)
}

// A scalar is a number of Limits that is no limit, and its bounds.
type scalar struct {
	name     string
	min, max float64
	value    func(*Limits) *float64
}

var scalars = []scalar{
	{"ratio_floor_ms", 0, 60_000, func(l *Limits) *float64 { return &l.RatioFloorMS }},
	{"grow_every_s", 1, 3600, func(l *Limits) *float64 { return &l.GrowEveryS }},
	{"shrink_every_s", 1, 3600, func(l *Limits) *float64 { return &l.ShrinkEveryS }},
	{"sleep_s", 1, 86_400, func(l *Limits) *float64 { return &l.SleepS }},
	{"sleep_max_s", 1, 86_400, func(l *Limits) *float64 { return &l.SleepMaxS }},
}

// Default returns the limits of who says nothing.
func Default() Limits {
	return Limits{
		LoginP99:     Limit{300, 500, 1500}, // a hash takes 30 to 60 ms, and after 2 s in the queue a login is refused
		LoginRatio:   Limit{1.3, 1.6, 4},
		LoginErrors:  Limit{0.01, 0.02, 0.1},
		HashWait:     Limit{50, 200, 1000},
		LegacyP95:    Limit{250, 500, 1500}, // at 2 s the store counts as silent
		LegacyErrors: Limit{0.01, 0.05, 0.2},
		StoreLatency: Limit{50, 150, 1000},
		StoreWait:    Limit{20, 100, 1000},
		ReplicaLag:   Limit{2000, 5000, 30_000},
		Backlog:      Limit{1000, 5000, 50_000},
		RatioFloorMS: 50,
		GrowEveryS:   10,
		ShrinkEveryS: 5,
		SleepS:       30,
		SleepMaxS:    600,
	}
}

// maxChecks bounds what a stored document may name; more checks than that are measured by nobody.
const maxChecks = 100

// UnmarshalJSON reads limits over those of Default. Its error is an *accounts.InvalidError that names the field.
func (l *Limits) UnmarshalJSON(data []byte) error {
	read := Default()
	fields, err := object(data)
	if err != nil {
		return invalid("governor", "must be an object")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := read.set(name, fields[name]); err != nil {
			return err
		}
	}
	if err := read.Check(); err != nil {
		return err
	}
	*l = read
	return nil
}

// set reads one field.
func (l *Limits) set(name string, data json.RawMessage) error {
	for _, k := range kinds {
		if string(k.signal) == name {
			return within(name, k.limit(l).read(data))
		}
	}
	for _, s := range scalars {
		if s.name == name {
			return readNumber(name, data, s.value(l))
		}
	}
	if name != "checks" {
		return invalid(name, "is not known; there is "+strings.Join(fieldNames(), ", "))
	}
	checks, err := object(data)
	if err != nil {
		return invalid(name, "must be an object")
	}
	l.Checks = make(map[string]Limit, len(checks))
	for _, check := range slices.Sorted(maps.Keys(checks)) {
		var limit Limit
		if err := limit.read(checks[check]); err != nil {
			return within(name, within(check, err))
		}
		l.Checks[check] = limit
	}
	return nil
}

// read reads what data says of a limit over what it is.
func (l *Limit) read(data json.RawMessage) error {
	fields, err := object(data)
	if err != nil {
		return invalid("", "must be an object of hold, shrink and stop")
	}
	into := map[string]*float64{"hold": &l.Hold, "shrink": &l.Shrink, "stop": &l.Stop}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if into[name] == nil {
			return invalid(name, "is not known; there is hold, shrink and stop")
		}
		if err := readNumber(name, fields[name], into[name]); err != nil {
			return err
		}
	}
	return nil
}

// Check returns an *accounts.InvalidError, with the field, if nobody could live by l.
func (l Limits) Check() error {
	for _, k := range kinds {
		if err := within(string(k.signal), k.limit(&l).Check()); err != nil {
			return err
		}
	}
	if len(l.Checks) > maxChecks {
		return invalid("checks", fmt.Sprintf("must not be more than %d", maxChecks))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Checks)) {
		if err := within("checks", within(name, l.Checks[name].Check())); err != nil {
			return err
		}
	}
	for _, s := range scalars {
		if v := *s.value(&l); math.IsNaN(v) || v < s.min || v > s.max {
			return invalid(s.name, fmt.Sprintf("must be from %g to %g", s.min, s.max))
		}
	}
	if l.SleepMaxS < l.SleepS {
		return invalid("sleep_max_s", "must not be below sleep_s")
	}
	return nil
}

// of returns the limit of what was read.
func (l Limits) of(r Reading) Limit {
	if r.Signal == Check {
		if own, ok := l.Checks[r.Of]; ok || r.Limit == nil {
			return own
		}
		return *r.Limit
	}
	for _, k := range kinds {
		if k.signal == r.Signal {
			return *k.limit(&l)
		}
	}
	return Limit{}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func fieldNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k.signal))
	}
	for _, s := range scalars {
		names = append(names, s.name)
	}
	return append(names, "checks")
}

func object(data []byte) (map[string]json.RawMessage, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil, errNoObject
	}
	var fields map[string]json.RawMessage
	err := json.Unmarshal(data, &fields)
	return fields, err
}

var errNoObject = invalid("", "must be an object")

func readNumber(name string, data json.RawMessage, into *float64) error {
	var n *float64 // null is no number
	if err := json.Unmarshal(data, &n); err != nil || n == nil {
		return invalid(name, "must be a number")
	}
	*into = *n
	return nil
}

func invalid(field, reason string) error { return &accounts.InvalidError{Field: field, Reason: reason} }

// within puts the name of a group before the field of an *accounts.InvalidError.
func within(group string, err error) error {
	if wrong, ok := err.(*accounts.InvalidError); ok { //nolint:errorlint // ours, made above and never wrapped
		return invalid(strings.TrimSuffix(group+"."+wrong.Field, "."), wrong.Reason)
	}
	return err
}
