package main

import (
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
