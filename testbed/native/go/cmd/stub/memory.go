package main

import (
	"encoding/json"
	"sync"
)

// memory holds the last good answers of calls that have a stale fallback.
type memory struct {
	mu   sync.Mutex
	last map[string]json.RawMessage
}

func (m *memory) get(c *call) (json.RawMessage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, known := m.last[c.key()]
	return answer, known
}

// keep stores the body of an answer: as JSON, else as text.
func (m *memory) keep(c *call, body []byte) {
	answer := json.RawMessage(body)
	if !json.Valid(body) {
		answer, _ = json.Marshal(string(body))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last[c.key()] = answer
}

func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = map[string]json.RawMessage{}
}

func (c *call) key() string { return c.To + " " + c.Method + " " + c.Path }
