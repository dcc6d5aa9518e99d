package sqlstore

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/accountstest"
)

// benchmark runs one operation again and again on each engine, with a thousand people in it.
func benchmark(b *testing.B, f func(b *testing.B, s *Store, i int) error) {
	for name, url := range engines() {
		b.Run(name, func(b *testing.B) {
			s := open(b, url(b))
			for i := range 1000 { // planners decide by what is there
				r, e := person("person-" + strconv.Itoa(i))
				if err := s.Create(b.Context(), r, e); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := f(b, s, i); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkByIdentifier(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, i int) error {
		_, err := s.ByIdentifier(b.Context(), "person-"+strconv.Itoa(i%1000))
		return err
	})
}

func BenchmarkCreateSession(b *testing.B) {
	r, _ := person("person-1")
	benchmark(b, func(b *testing.B, s *Store, _ int) error { return s.CreateSession(b.Context(), newSession(r.ID)) })
}

// BenchmarkCreateSessions is eight callers at once, whose commits may share a wait for the disk.
func BenchmarkCreateSessions(b *testing.B) {
	for name, url := range engines() {
		b.Run(name, func(b *testing.B) {
			s := open(b, url(b))
			r, _ := person("person-1")
			b.ReportAllocs()
			b.SetParallelism((8 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.CreateSession(b.Context(), newSession(r.ID)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkRotateSession(b *testing.B) {
	r, _ := person("person-1")
	n := newSession(r.ID)
	benchmark(b, func(b *testing.B, s *Store, i int) error {
		if i == 0 {
			if err := s.CreateSession(b.Context(), n); err != nil {
				return err
			}
		}
		_, err := s.RotateSession(b.Context(), n.ID, int64(i), n.CreatedAt, n.ExpiresAt)
		return err
	})
}

func BenchmarkRenewSession(b *testing.B) {
	r, _ := person("person-1")
	n := newSession(r.ID)
	benchmark(b, func(b *testing.B, s *Store, i int) error {
		if i == 0 {
			if err := s.CreateSession(b.Context(), n); err != nil {
				return err
			}
		}
		_, _, err := s.RenewSession(b.Context(), n.ID, int64(i), n.CreatedAt, time.Hour, time.Hour)
		return err
	})
}

func BenchmarkCreate(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, i int) error {
		r := accountstest.Person("new-" + strconv.Itoa(i))
		return s.Create(b.Context(), r, accountstest.Event(r.ID, accounts.EventMigrated))
	})
}

// BenchmarkInsert is the measure of the others: one row, one commit.
func BenchmarkInsert(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, i int) error {
		_, err := s.exec(b.Context(), s.write, `INSERT INTO meta (name, value) VALUES ($1, 'x')`, strconv.Itoa(i))
		return err
	})
}

// BenchmarkOpen is a start on a database that is up to date.
func BenchmarkOpen(b *testing.B) {
	for name, url := range engines() {
		b.Run(name, func(b *testing.B) {
			u := url(b)
			open(b, u)
			for b.Loop() {
				s, err := Open(b.Context(), u, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
