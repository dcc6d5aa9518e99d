package legacytest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"rekey/legacy"
)

// touched notes that a record was written; m.mu is held. Each write is a second after the one before.
func (m *Memory) touched(id string) {
	m.lastWrite++
	if m.writtenAt == nil {
		m.writtenAt = map[string]int{}
	}
	m.writtenAt[id] = m.lastWrite
}

// Remove removes a person and every trace of them, as the old application would.
func (m *Memory) Remove(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users = slices.DeleteFunc(m.users, func(u legacy.User) bool { return u.ID == id })
	delete(m.writtenAt, id)
}

// Mark removes a person by a mark, as the old application would: the record stays, and is found by nobody.
func (m *Memory) Mark(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users = slices.DeleteFunc(m.users, func(u legacy.User) bool { return u.ID == id })
	m.touched(id)
}

// ChangeLate is Change by a transaction that began together with the last write, and is seen only now.
func (m *Memory) ChangeLate(id string, change func(*legacy.User)) {
	m.Change(id, change)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastWrite--
	m.writtenAt[id] = m.lastWrite
}

// Watches implements legacy.Watcher.
func (m *Memory) Watches() bool { return true }

// Changed implements legacy.Watcher.
func (m *Memory) Changed(ctx context.Context, after string, back time.Duration, limit int) (legacy.Changes, error) {
	if err := ctx.Err(); err != nil {
		return legacy.Changes{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Pages.Add(1)
	if m.down != nil {
		return legacy.Changes{}, m.down
	}
	from := 0
	if after != "" {
		n, err := strconv.Atoi(after)
		if err != nil {
			return legacy.Changes{}, err
		}
		from = n - int(back/time.Second)
	}
	page := legacy.Changes{Next: after}
	for at := max(from, 0) + 1; at <= m.lastWrite; at++ {
		if len(page.IDs) == limit {
			page.More = true
			break
		}
		for id, when := range m.writtenAt {
			if when == at {
				page.IDs, page.Next = append(page.IDs, id), strconv.Itoa(at)
			}
		}
	}
	return page, nil
}

// Newest implements legacy.Watcher.
func (m *Memory) Newest(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil || m.lastWrite == 0 {
		return "", m.down
	}
	return strconv.Itoa(m.lastWrite), nil
}
