package filesource

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// How long an export of 100,000 people takes to index; each is a record of some 150 bytes.
func BenchmarkIndex(b *testing.B) {
	const people = 100_000
	var text strings.Builder
	for i := range people {
		fmt.Fprintf(&text, `{"id":%d,"login":"user%d","mail":"user%d@example.org","hash":"$2b$10$eImiTXuWVxfM37uY4JANjQ4CWcHp9BZ2b6ZsIv0Pkq1uYwLrQjzfa"}`+"\n", i, i, i)
	}
	path := filepath.Join(b.TempDir(), "export")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := Open(Config{Name: "shop", Path: path, Format: "jsonl", Columns: map[string]string{
		"id": "id", "username": "login", "email": "mail", "password": "hash",
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if err := s.Index(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		if err := os.Remove(s.config.IndexPath); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(people*float64(b.N)/b.Elapsed().Seconds(), "people/s")
}
