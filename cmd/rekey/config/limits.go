package config

import (
	"time"

	"rekey/gateway/limit"
)

// Limits are the rate limits of login. `limits: off` turns them off.
type Limits struct {
	Off        bool  `yaml:"-"`
	Address    Limit `yaml:"address"`    // of one client address
	Identifier Limit `yaml:"identifier"` // of one canonical identifier
}

// Limit lets Count attempts through per Per, and Burst at once.
type Limit struct {
	Burst int64         `yaml:"burst"`
	Per   time.Duration `yaml:"per"`
	Count int64         `yaml:"count"`
}

// Rules returns the limits as package limit takes them.
func (l Limits) Rules() limit.Rules {
	rules := limit.DefaultRules()
	set := func(l Limit, r limit.Rule) limit.Rule {
		return limit.Rule{Count: l.Count, Per: l.Per, Burst: l.Burst}.Or(r)
	}
	return limit.Rules{Address: set(l.Address, rules.Address), Identifier: set(l.Identifier, rules.Identifier)}
}

// setWord takes `limits: on` and `limits: off`.
func (l *Limits) setWord(word string) error {
	off, err := onOff(word)
	l.Off = off
	return err
}
