package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What is written is its owner's alone, also in a file that was there and that others could read. A device stays as it is.
func TestCreateOwn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	old := filepath.Join(folder, "old.csv")
	if err := os.WriteFile(old, []byte("much that was there"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, filepath.Join(folder, "new.csv")} {
		f, err := createOwn(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 1 {
			t.Errorf("%s: %v (%v)", path, info, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	before, err := os.Stat(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f, err := createOwn(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := f.Stat(); err != nil || after.Mode() != before.Mode() {
		t.Errorf("a device: %v (%v)", after, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := createOwn(filepath.Join(folder, "nowhere", "a.csv")); err == nil {
		t.Error("a folder that is not there")
	}
}

// A page is its owner's alone from the start, also where others could read what was there; and that stays until there is another.
func TestPageIsOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plan.html")
	if err := os.WriteFile(path, []byte("the page of last week"), 0o644); err != nil {
		t.Fatal(err)
	}
	page, err := openPage(path)
	if err != nil {
		t.Fatal(err)
	}
	is := func(content string) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v (%v)", info, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q (%v), want %q", got, err, content)
		}
	}
	is("the page of last week")
	err = page.write(func(w io.Writer) error {
		_, err := io.WriteString(w, "a new one")
		return err
	})
	if err := errors.Join(err, page.close()); err != nil {
		t.Fatal(err)
	}
	is("a new one")
}
