package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"testbed.invalid/native/internal/wire"
)

// Messages are JSON, so that no code is generated; every gRPC library can call with a codec that passes bytes
// unchanged.

const rpcService = "/testbed.v1.Stub/"

// statuses is names and HTTP statuses by the number of a gRPC status, and the numbers for HTTP errors.
type statuses struct {
	Names  []string    `json:"names"`
	HTTP   []int       `json:"http"`
	OfHTTP map[int]int `json:"of_http"`
}

// asHTTP returns the HTTP status that says the same as a gRPC status.
func (s *statuses) asHTTP(code int) int {
	if code < 0 || code >= len(s.HTTP) {
		return http.StatusInternalServerError
	}
	return s.HTTP[code]
}

// asRPC returns the gRPC status that says the same as an HTTP status.
func (s *statuses) asRPC(status int) int {
	if status < 400 {
		return wire.OK
	}
	if code, known := s.OfHTTP[status]; known {
		return code
	}
	return wire.Unknown
}

// errorName returns the error of a status in the attempt log: its name, "" for OK.
func (s *statuses) errorName(code int) string {
	if code == wire.OK {
		return ""
	}
	if code < 0 || code >= len(s.Names) {
		return strconv.Itoa(code)
	}
	return s.Names[code]
}

// rpcRequest is the message of a request.
type rpcRequest struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

func readRequest(message []byte) (rpcRequest, error) {
	told := rpcRequest{"GET", "/"}
	if len(message) == 0 {
		return told, nil
	}
	return told, json.Unmarshal(message, &told)
}

// percentEncoded returns a text for the grpc-message header.
func percentEncoded(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' || b == '%' {
			out.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(b)+256, 16)[1:]))
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}

func isRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), wire.Type)
}
