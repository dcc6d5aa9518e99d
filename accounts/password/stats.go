package password

import "time"

// Stats is what a Pool is doing and has done, for metrics.
type Stats struct {
	Permits      int
	Running      int   // permits held, sweeps and what is lent included
	RunningSweep int   // permits held by PrioritySweep
	Waiting      int   // logins that queue
	WaitingSweep int   // sweeps that queue
	Memory       int64 // bytes that may be in use
	MemoryInUse  int64 // bytes

	Begun      uint64        // logins that were let in
	BegunSweep uint64        // sweeps that were let in
	Done       uint64        // work that ended, by a panic too
	Shed       uint64        // work refused with ErrBusy, at once or after MaxWait
	Abandoned  uint64        // work whose context ended while it queued
	Waited     time.Duration // sum over all logins that were let in; over Begun it is the mean

	AvgWait  time.Duration // moving average of how long the last logins queued
	AvgHold  time.Duration // moving average of how long the last logins held their permit
	Forecast time.Duration // how long a login of one permit would queue now; 0 while a permit is free
}

type counters struct {
	begunLogin, begunSweep, done, shed, abandoned uint64
	waited, avgWait                               time.Duration
}

func (c *counters) began(priority Priority, waited time.Duration) {
	if priority != PriorityLogin {
		c.begunSweep++
		return
	}
	c.begunLogin++
	c.waited += waited
	c.avgWait += (waited - c.avgWait) / holdWeight
}

// Stats returns a consistent snapshot.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	running := p.held()
	s := Stats{
		Permits:      p.permits,
		Running:      running,
		RunningSweep: p.running[PrioritySweep],
		Waiting:      p.waiting[PriorityLogin].Len(),
		WaitingSweep: p.waiting[PrioritySweep].Len(),
		Memory:       p.memory,
		MemoryInUse:  p.inUse,
		Begun:        p.stats.begunLogin,
		BegunSweep:   p.stats.begunSweep,
		Done:         p.stats.done,
		Shed:         p.stats.shed,
		Abandoned:    p.stats.abandoned,
		Waited:       p.stats.waited,
		AvgWait:      p.stats.avgWait,
		AvgHold:      p.load.hold,
	}
	if running >= p.permits || s.Waiting > 0 {
		s.Forecast = p.load.wait(time.Now(), 1/float64(p.permits))
	}
	return s
}
