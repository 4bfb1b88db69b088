package main

import (
	"encoding/json"
	"fmt"
)

const most = 1 << 31

// parser keeps the first error; after it, every value is a zero value.
type parser struct{ err error }

// object is a JSON object and its place in the description, for messages.
type object struct {
	parser *parser
	where  string
	fields map[string]json.RawMessage
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *parser) require(holds bool, where, wanted string) {
	if !holds {
		p.fail("%s must be %s", where, wanted)
	}
}

func (p *parser) object(raw json.RawMessage, where string) object {
	o := object{parser: p, where: where}
	if err := json.Unmarshal(raw, &o.fields); err != nil || o.fields == nil {
		p.fail("%s must be an object", where)
	}
	return o
}

// raw returns the value of a key that must be there, null included.
func (o object) raw(key string) json.RawMessage {
	raw, ok := o.fields[key]
	if !ok {
		o.parser.fail("%s lacks '%s'", o.where, key)
		return json.RawMessage("null")
	}
	return raw
}

// optional returns the value of a key that must be there, and whether it is more than null.
func (o object) optional(key string) (json.RawMessage, bool) {
	raw := o.raw(key)
	return raw, string(raw) != "null"
}

// get returns the value of a key that must be there and hold a T.
func get[T any](o object, key string) (value T) {
	raw, given := o.optional(key)
	if err := json.Unmarshal(raw, &value); err != nil || !given {
		o.parser.fail("%s.%s must be %s", o.where, key, kind(value))
	}
	return value
}

func (o object) textOrNull(key string) string {
	if _, given := o.optional(key); given {
		return get[string](o, key)
	}
	return ""
}

func (o object) number(key string) float64 {
	value := get[float64](o, key)
	o.parser.require(value >= 0, o.where+"."+key, "0 or more")
	return value
}

func (o object) integer(key string, least, highest int) int {
	value := get[int](o, key)
	o.parser.require(least <= value && value <= highest, o.where+"."+key, fmt.Sprintf("from %d to %d", least, highest))
	return value
}

func kind(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case float64:
		return "a number"
	case int:
		return "a whole number"
	default:
		return "a list"
	}
}
