package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The testbed checks what it writes against behaviour.schema.json; a stub checks the keys alone. Times are
// milliseconds, null is the zero value.
type (
	behaviour struct {
		Protocol    string           `json:"protocol"`
		GRPC        *statuses        `json:"grpc"`
		Wiring      string           `json:"wiring"`
		Forward     []string         `json:"forward"`
		Concurrency *concurrency     `json:"concurrency"`
		Deadline    string           `json:"deadline"` // a header
		HangUp      string           `json:"hang_up"`
		Grace       float64          `json:"grace"`
		Reset       string           `json:"reset"` // a path
		Default     route            `json:"default"`
		Routes      map[string]route `json:"routes"`
	}
	concurrency struct {
		Limit int `json:"limit"`
		Queue int `json:"queue"`
		Shed  int `json:"shed"`
	}
	route struct {
		Work   []knot `json:"work"`
		Steps  []step `json:"steps"`
		Answer struct {
			Status int `json:"status"`
			Bytes  int `json:"bytes"`
		} `json:"answer"`
	}
	step struct {
		Parallel []call `json:"parallel"`
	}
	call struct {
		To        string    `json:"to"`
		Protocol  string    `json:"protocol"`
		Method    string    `json:"method"`
		Path      string    `json:"path"`
		Timeout   float64   `json:"timeout"` // 0: none
		Retries   int       `json:"retries"`
		Pause     float64   `json:"pause"`
		OnFailure onFailure `json:"on_failure"`
	}
	onFailure struct { // keysOf says which keys there are
		Kind   string          `json:"kind"`
		Name   string          `json:"name"`
		Status int             `json:"status"`
		Keep   []int           `json:"keep"`
		Answer json.RawMessage `json:"answer"`
		Call   *call           `json:"call"`
	}
)

var keysOf = map[string][]string{
	"fail": {"kind", "status", "keep"}, "ignore": {"kind"}, "default": {"kind", "name", "answer"},
	"stale": {"kind", "name"}, "call": {"kind", "name", "call"},
}

// MarshalJSON writes the keys that go with the kind.
func (w onFailure) MarshalJSON() ([]byte, error) {
	all := map[string]any{
		"kind": w.Kind, "name": w.Name, "status": w.Status, "keep": w.Keep, "answer": w.Answer, "call": w.Call,
	}
	keys, known := keysOf[w.Kind]
	if !known {
		return nil, fmt.Errorf("unknown kind %q", w.Kind)
	}
	maps.DeleteFunc(all, func(key string, _ any) bool { return !slices.Contains(keys, key) })
	return json.Marshal(all)
}

// parseBehaviour refuses a key that is unknown, and one that is missing: written again, the behaviour has it.
func parseBehaviour(text string) (*behaviour, error) {
	b := &behaviour{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(b); err != nil {
		return nil, fmt.Errorf("BEHAVIOUR: %w", err)
	}
	again, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("BEHAVIOUR: %w", err)
	}
	if key := missing(decoded([]byte(text)), decoded(again)); key != "" {
		return nil, fmt.Errorf("BEHAVIOUR lacks %q", key)
	}
	return b, nil
}

func decoded(text []byte) (value any) {
	if err := json.Unmarshal(text, &value); err != nil {
		panic(err) // it has been decoded before
	}
	return value
}

// missing returns a key that is in whole but not in part, "" if there is none.
func missing(part, whole any) string {
	switch whole := whole.(type) {
	case map[string]any:
		part, _ := part.(map[string]any)
		for key, value := range whole {
			if _, there := part[key]; !there {
				return key
			}
			if inner := missing(part[key], value); inner != "" {
				return inner
			}
		}
	case []any:
		for i, part := range part.([]any) {
			if inner := missing(part, whole[i]); inner != "" {
				return inner
			}
		}
	}
	return ""
}

// called calls visit with every call that the behaviour can make.
func (b *behaviour) called(visit func(*call)) {
	for _, r := range append(slices.Collect(maps.Values(b.Routes)), b.Default) {
		for _, step := range r.Steps {
			for i := range step.Parallel {
				for c := &step.Parallel[i]; c != nil; c = c.OnFailure.Call {
					visit(c)
				}
			}
		}
	}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
