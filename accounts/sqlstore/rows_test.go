package sqlstore

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// The facts of an event are written as encoding/json writes them.
func TestEncodeDetail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,12}`))
		detail := rapid.MapOf(text, text).Draw(t, "detail")
		got, err := encodeDetail(detail)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(detail)
		if err != nil {
			t.Fatal(err)
		}
		if len(detail) > 0 && got != string(want) {
			t.Errorf("%q is written as %s, not as %s", detail, got, want)
		}
	})
}
