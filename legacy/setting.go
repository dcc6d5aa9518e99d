package legacy

import "fmt"

// A SettingError says that one setting of a source cannot be as it is. Whoever opens a source joins as many of them as
// there are, so that an operator can mend all at once. It contains no secret.
type SettingError struct {
	Key string // as the configuration file has it, below the adapter's own group: "url", "attributes.id", "where[0]"
	Err error
}

func (e *SettingError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *SettingError) Unwrap() error { return e.Err }

// Wrong returns a SettingError, whose reason is written as with fmt.Errorf.
func Wrong(key, reason string, args ...any) error {
	return &SettingError{Key: key, Err: fmt.Errorf(reason, args...)}
}
