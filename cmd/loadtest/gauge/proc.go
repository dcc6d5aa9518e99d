package gauge

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ, 100 a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPU returns the CPU time, user and system, that the processes have used, those children that were waited for
// included. A process that is gone counts nothing.
func CPU(pids ...int) time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		fields := statFields(pid)
		for i := 11; i < 15 && i < len(fields); i++ { // utime stime cutime cstime, counted behind the command's name
			n, _ := strconv.ParseInt(fields[i], 10, 64) // the kernel writes numbers
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// statFields returns the fields of /proc/PID/stat behind the command's name; see proc(5).
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// Family returns a process and all its descendants.
func Family(root int) []int {
	children := map[int][]int{}
	entries, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		parent := Parent(pid)
		children[parent] = append(children[parent], pid)
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// Parent returns the parent of a process, or 0.
func Parent(pid int) int {
	parent := 0
	if fields := statFields(pid); len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1]) // the kernel writes numbers
	}
	return parent
}

// Memory returns a line of /proc/PID/status such as VmRSS or VmHWM, in bytes; 0 if it is not there.
func Memory(pid int, line string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64) // the kernel writes numbers
			return n << 10
		}
	}
	return 0
}

// A Watch tells what share of the machine's CPU went to processes that are not part of a measurement.
type Watch struct {
	busy, total time.Duration
	own         time.Duration
	pids        map[int]time.Duration
}

// NewWatch begins. pids are processes that belong to the measurement beside this one and its children.
func NewWatch(pids []int) *Watch {
	w := &Watch{pids: map[int]time.Duration{}}
	for _, pid := range pids {
		w.pids[pid] = CPU(pid)
	}
	w.busy, w.total = machineCPU()
	w.own = CPU(Family(os.Getpid())...)
	return w
}

// Others returns the share since the watch began. pids are as for NewWatch; those that were not there then are new.
func (w *Watch) Others(pids []int) float64 {
	busy, total := machineCPU()
	measured := CPU(Family(os.Getpid())...) - w.own
	for _, pid := range pids {
		measured += CPU(pid) - w.pids[pid]
	}
	if total == w.total {
		return 0
	}
	return max(0, float64(busy-w.busy-measured)/float64(total-w.total))
}

// machineCPU returns the busy and the total CPU time of all cores since boot.
func machineCPU() (busy, total time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		n, _ := strconv.ParseInt(field, 10, 64) // the kernel writes numbers
		if i >= 8 {
			break // guest time is part of user time
		}
		total += time.Duration(n) * tick
		if i != 3 && i != 4 { // idle, iowait
			busy += time.Duration(n) * tick
		}
	}
	return busy, total
}
