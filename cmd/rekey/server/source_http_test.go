package server_test

import (
	"slices"
	"testing"

	"rekey/cmd/rekey/server"
)

// An application with http.write is written back to in full: everything that its keys say reaches the adapter.
func TestHTTPWrite(t *testing.T) {
	t.Parallel()
	c := configured(t, onSQLite(t)+`
legacy:
  - name: shop
    kind: http
    scheme: md5(md5($pass).$salt)
    copy_back: full
    http:
      url: https://shop.example.org/api
      dialect: plain
      get_path: /users/{id}
      plain:
        lookup_path: /users?name={identifier}
        list: true
        fields: {id: /id, username: /login, email: /mail, phone: /tel, display_name: /name, disabled: "!/active", email_verified: /ok, password: /hash, salt: /salt}
        verify_path: /users/{id}/check
        yes: {status: [200]}
        no: {status: [401]}
      write:
        path: /users/{id}
        method: PUT
        insert_path: /users
        fixed: {/source: rekey}
        delete: true
        scheme: md5(md5($pass).$salt)
        like: 0123456789abcdef0123456789abcdef
        like_salt: Xy7
        fields: {username: /login, email: /mail, phone: /tel, display_name: /name, disabled: "!/active", email_verified: /ok, password: /hash, salt: /salt}
        basic_user: writer
        basic_password: hunter2
`)
	list, err := server.WrittenBackTo(c)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sources, error %v", len(list), err)
	}
	want := []string{"password", "email", "email_verified", "insert", "delete"}
	if !slices.Equal(list[0].Can, want) || len(list[0].Cannot) > 0 {
		t.Errorf("can write %q and not %q", list[0].Can, list[0].Cannot)
	}
}
