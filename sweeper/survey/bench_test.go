package survey

import (
	"testing"

	"rekey/legacy/hash"
)

// BenchmarkLook is what one person costs, all but the reading.
func BenchmarkLook(b *testing.B) {
	people := crowd(4000)
	for i := range people {
		people[i].Password.Hash = []string{
			"$2y$10$abcdefghijklmnopqrstuuO4WZ1Yo4Ov0Xk2cpdYuOXqj1m6TvHme", "$P$B7WWMmOgFV.kM7HtH7aZGNRA4cJD3d1",
			"{SSHA}9y2nP6QwyqGGoAyZsPPDF1R8OQyYQ2h4", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
		}[i%4]
	}
	s := &survey{c: Config{Sources: []Source{{Name: "shop"}}}, state: &state{Started: someday}, keys: newKeys()}
	j, d := &judge{hashes: hash.New(hash.Config{})}, &digester{keys: s.keys}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.look(j, d, 0, page{users: people})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(people)), "ns/person")
}
