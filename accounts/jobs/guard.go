package jobs

import (
	"fmt"
	"runtime"
	"strings"
)

// A PanicError is a panic: its type, and where it came from. Its value may hold anything, a password too, and is not kept.
type PanicError struct {
	Type string
	At   string // functions, from the one that panicked outwards
}

func (e *PanicError) Error() string { return "panic of type " + e.Type + " at " + e.At }

// Guarded does something, and returns a panic as a *PanicError: one bad piece must not end the process.
func Guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			var callers [12]uintptr
			frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
			var names []string
			for {
				frame, again := frames.Next()
				names = append(names, frame.Function)
				if !again {
					break
				}
			}
			err = &PanicError{fmt.Sprintf("%T", r), strings.Join(names, " < ")}
		}
	}()
	return do()
}
