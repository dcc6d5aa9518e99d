package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whoever shows an access token need not say more, in whatever way they say nothing; nor what kind of nothing it is.
func TestLogoutByBearer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, test := range []struct{ name, body, media, framing string }{
		{name: "no body"},
		{name: "an empty form", media: "application/x-www-form-urlencoded"},
		{name: "chunked", framing: "chunked"},
		{name: "an empty object", body: "{}", media: "application/json"},
	} {
		in := w.login("anna", "tulip")
		for _, want := range []int{204, 401} { // the second time the token no longer counts
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/logout", strings.NewReader(test.body))
			req.Header.Set("Authorization", "Bearer "+in.Access)
			if test.media != "" {
				req.Header.Set("Content-Type", test.media)
			}
			if test.framing != "" {
				req.ContentLength, req.TransferEncoding = -1, []string{test.framing}
			}
			res := httptest.NewRecorder()
			w.gw.Public().ServeHTTP(res, req)
			if test.media != "application/x-www-form-urlencoded" { // the document cannot say that nothing is of no kind
				w.conforms(req, test.body, res)
			}
			if res.Code != want {
				t.Errorf("%s: %d, want %d", test.name, res.Code, want)
			}
		}
		if a := w.refresh(in.Refresh); a.Code != 401 {
			t.Errorf("%s: refresh afterwards: %d", test.name, a.Code)
		}
		if a := w.ask("POST", "/v1/logout", `{"refresh_token":"`+in.Refresh+`"}`); a.Code != 204 {
			t.Errorf("%s: ended again by the refresh token: %d", test.name, a.Code)
		}
	}
	if a := w.ask("POST", "/v1/logout", `{}`); a.Code != 400 || a.Errors[0].Field != "refresh_token" {
		t.Errorf("nothing to go by: %d %+v", a.Code, a.Errors)
	}
	if a := w.ask("POST", "/v1/logout", `{"refresh_token":""}`); a.Code != 204 {
		t.Errorf("a token that is none: %d", a.Code)
	}
}

// A token whose successor has been used has no grace left.
func TestGraceEndsWithTheSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.login("anna", "tulip")
	second := w.refresh(first.Refresh)
	third := w.refresh(second.Refresh)
	if third.Code != 200 {
		t.Fatal(third.Code)
	}
	if a := w.refresh(first.Refresh); a.Code != 401 {
		t.Errorf("the first again: %d", a.Code)
	}
	if a := w.refresh(third.Refresh); a.Code != 401 {
		t.Errorf("the newest, when the first has been used again: %d", a.Code)
	}
}
