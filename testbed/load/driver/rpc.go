package main

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"time"
)

// gRPC as its specification for HTTP/2 has it: a message with a prefix of five bytes, the status in trailers.

const (
	rpcType       = "application/grpc"
	rpcTimeout    = "Grpc-Timeout"
	rpcStatus     = "Grpc-Status"
	unknown       = 2
	unimplemented = 12
	internal      = 13
	unavailable   = 14
)

// asCall makes a request a unary call, whose body is one message and whose deadline is told.
func asCall(to *http.Request, deadline time.Time) {
	to.Method = http.MethodPost
	to.Header.Set("Content-Type", rpcType)
	to.Header.Set("Te", "trailers")
	to.Header.Set(rpcTimeout, leftUntil(deadline))
}

// framed puts the prefix before a message: not compressed, and how long it is.
func framed(message []byte) []byte {
	frame := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(message)))
	return append(frame, message...)
}

// leftUntil writes what is left until a deadline as the header has it: at most eight digits and a unit.
func leftUntil(deadline time.Time) string {
	left := max(time.Until(deadline), time.Microsecond)
	if us := left.Microseconds(); us < 1e8 {
		return strconv.FormatInt(us, 10) + "u"
	}
	return strconv.FormatInt(min(left.Milliseconds(), 1e8-1), 10) + "m"
}

// statusOf returns the gRPC status of a whole answer, which where it stands alone is in the header.
func statusOf(response *http.Response) int {
	for _, told := range []http.Header{response.Trailer, response.Header} {
		if code, err := strconv.Atoi(told.Get(rpcStatus)); err == nil {
			return code
		}
	}
	return withoutStatus(response.StatusCode)
}

// withoutStatus returns the status of an answer that is not gRPC's, as the specification maps it.
func withoutStatus(status int) int {
	switch status {
	case 429, 502, 503, 504:
		return unavailable
	case 404:
		return unimplemented
	case 400:
		return internal
	}
	return unknown
}
