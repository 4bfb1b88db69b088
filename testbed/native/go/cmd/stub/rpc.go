package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"testbed.invalid/native/internal/wire"
)

// Messages are JSON, so that nothing has to be generated; every gRPC library can call with a codec that leaves bytes
// alone.

const rpcService = "/testbed.v1.Stub/"

var rpcNames = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

var (
	httpOfRPC = []int{200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}
	rpcOfHTTP = map[int]int{
		499: 1, 400: 3, 504: 4, 404: 5, 403: 7, 429: 8, 409: 10, 501: 12, 500: 13, 502: 14, 503: 14, 401: 16,
	}
)

// asHTTP returns the HTTP status that says the same as a gRPC status.
func asHTTP(code int) int {
	if code < 0 || code >= len(httpOfRPC) {
		return 500
	}
	return httpOfRPC[code]
}

// asRPC returns the gRPC status that says the same as an HTTP status.
func asRPC(status int) int {
	if status < 400 {
		return wire.OK
	}
	if code, known := rpcOfHTTP[status]; known {
		return code
	}
	return wire.Unknown
}

// rpcError returns the attempt log's word for a status: its name, "" for OK.
func rpcError(code int) string {
	if code == wire.OK {
		return ""
	}
	if code < 0 || code >= len(rpcNames) {
		return strconv.Itoa(code)
	}
	return rpcNames[code]
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

// percentEncoded returns a text as the grpc-message header takes it.
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
