package server

import (
	"fmt"
	"maps"
	"slices"

	"rekey/cmd/rekey/config"
	"rekey/legacy"
)

// WrittenBack is what can be written back to a source, in words of the configuration.
type WrittenBack struct {
	Name   string
	Can    []string
	Cannot []string // with the reason
}

// WrittenBackTo says of each source what can be written back to it, as it is mapped. It asks none of them.
func WrittenBackTo(c *config.Config) ([]WrittenBack, error) {
	sources, err := openSources(c)
	if err != nil {
		return nil, err
	}
	var list []WrittenBack
	for _, s := range sources {
		list = append(list, s.writtenBack())
	}
	return list, closeSources(sources)
}

// unchanged is what nothing here changes after somebody was inserted, so that whether it can be written does not matter.
var unchanged = []string{"username", "phone", "display_name", "disabled"}

// writtenBack puts together what the adapter can write and what the mapping leaves of it.
func (s *source) writtenBack() WrittenBack {
	w := WrittenBack{Name: s.name}
	writer, ok := s.people.(legacy.Writer)
	if !ok {
		return w
	}
	reasons := map[string]string{}
	if told, ok := s.adapter.(interface{ Unwritten() map[string]string }); ok {
		reasons = told.Unwritten()
	}
	can := writer.Writes()
	for _, part := range []struct {
		key string
		can bool
	}{
		{"password", can.Password != legacy.PasswordNever}, {"email", can.Email}, {"email_verified", can.EmailVerified},
		{"insert", can.Insert}, {"delete", can.Delete},
	} {
		switch {
		case part.can:
			w.Can = append(w.Can, part.key)
		case reasons[part.key] == "":
			reasons[part.key] = "it is made by an expression, or not asked for"
		}
	}
	if !can.Conditional && len(w.Can) > 0 {
		reasons["both stores at once"] = "there is no condition on the stored password"
	}
	for _, key := range unchanged {
		delete(reasons, key)
	}
	for _, key := range slices.Sorted(maps.Keys(reasons)) {
		w.Cannot = append(w.Cannot, fmt.Sprintf("%s (%s)", key, reasons[key]))
	}
	return w
}
