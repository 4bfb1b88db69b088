package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gRPC as its specification for HTTP/2 has it: messages with a prefix of five bytes, the status in trailers. Messages
// are JSON, so that nothing has to be generated; every gRPC library can call with a codec that leaves bytes alone.

const (
	rpcService    = "/testbed.v1.Stub/"
	rpcType       = "application/grpc"
	timeoutHeader = "Grpc-Timeout"
	biggest       = 64 << 20
)

const (
	rpcOK               = 0
	rpcCancelled        = 1
	rpcUnknown          = 2
	rpcInvalidArgument  = 3
	rpcDeadlineExceeded = 4
	rpcUnimplemented    = 12
	rpcInternal         = 13
	rpcUnavailable      = 14
)

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
		return rpcOK
	}
	if code, known := rpcOfHTTP[status]; known {
		return code
	}
	return rpcUnknown
}

// rpcError returns the attempt log's word for a status: its name, "" for OK.
func rpcError(code int) string {
	if code == rpcOK {
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

func framed(message []byte) []byte {
	frame := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(message)))
	return append(frame, message...)
}

var errCompressed = errors.New("compressed, or too big")

// readMessage returns the next message; io.EOF at the end of the stream.
func readMessage(body io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(body, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 || size > biggest {
		return nil, errCompressed
	}
	message := make([]byte, size)
	_, err := io.ReadFull(body, message)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return message, err
}

var units = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': 1,
}

// readTimeout returns the milliseconds of a grpc-timeout header ("250m"), false if there are none.
func readTimeout(text string) (int64, bool) {
	if len(text) < 2 {
		return 0, false
	}
	number, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
	unit, known := units[text[len(text)-1]]
	if err != nil || !known {
		return 0, false
	}
	return int64(time.Duration(number) * unit / time.Millisecond), true
}

// writeTimeout returns what is left as a grpc-timeout header: at most eight digits.
func writeTimeout(left time.Duration) string {
	if us := max(left.Microseconds(), 0); us < 1e8 {
		return strconv.FormatInt(us, 10) + "u"
	}
	return strconv.FormatInt(left.Milliseconds(), 10) + "m"
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
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), rpcType)
}
