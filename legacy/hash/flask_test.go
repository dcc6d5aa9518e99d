package hash

import (
	"errors"
	"testing"

	"rekey/legacy"
)

// The stored value was made by PHP: password_hash over base64 of hash_hmac with SHA-512, which is what Flask-Security
// hands to passlib.
func TestFlaskSecurity(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	s := legacy.Stored{
		Scheme: "flask-security", Hash: "$2y$04$/UHVXxQG50VRdkmqlt0AiOvQ36/07EDn/ZhJIOy734E9oMcU0k3n2",
		Params: map[string]string{"pepper": "146585145368132386173505678016728509634"},
	}
	h, err := r.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Verify([]byte("Pässwörd")) || h.Verify([]byte("Pässwörd ")) || h.Verify(nil) || h.Limit != 0 {
		t.Error("the wrong passwords are right")
	}
	// A wrapped credential keeps the mask alone.
	masked, err := r.Open(h.Masked())
	if err != nil {
		t.Fatal(err)
	}
	for _, pw := range []string{"Pässwörd", "other"} {
		one, err1 := h.Digest([]byte(pw))
		two, err2 := masked.Digest([]byte(pw))
		if err1 != nil || err2 != nil || string(one) != string(two) {
			t.Errorf("the mask computes otherwise: %v, %v", err1, err2)
		}
	}
	s.Params = nil
	if _, err := r.Open(s); !errors.Is(err, ErrParams) {
		t.Errorf("without the salt: %v", err)
	}
}
