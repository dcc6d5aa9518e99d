//go:build race

package filesource

// raced is whether the race detector is on, under which SQLite, translated from C, takes some thirty times as long.
const raced = true
