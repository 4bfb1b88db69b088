// Package wire is gRPC as its specification for HTTP/2 has it: messages with a prefix of five bytes, the deadline in a
// header, the status in trailers. The load driver and the Go stub are built with it.
package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	Type          = "application/grpc" // of the content
	TimeoutHeader = "Grpc-Timeout"
	StatusHeader  = "Grpc-Status"
	MessageHeader = "Grpc-Message"
	Prefix        = 5 // bytes before a message
	biggest       = 64 << 20
	mostDigits    = 1e8
)

// Statuses.
const (
	OK               = 0
	Cancelled        = 1
	Unknown          = 2
	InvalidArgument  = 3
	DeadlineExceeded = 4
	Unimplemented    = 12
	Internal         = 13
	Unavailable      = 14
)

var errCompressed = errors.New("compressed, or too big")

// Framed puts the prefix before a message: not compressed, and how long it is.
func Framed(message []byte) []byte {
	frame := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(message)))
	return append(frame, message...)
}

// ReadMessage returns the next message; io.EOF at the end of the stream.
func ReadMessage(body io.Reader) ([]byte, error) {
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

// AsCall makes a request a call; its deadline is told, unless it is zero.
func AsCall(to *http.Request, deadline time.Time) {
	to.Method = http.MethodPost
	to.Header.Set("Content-Type", Type)
	to.Header.Set("Te", "trailers")
	if !deadline.IsZero() {
		to.Header.Set(TimeoutHeader, writeTimeout(time.Until(deadline)))
	}
}

// writeTimeout writes what is left as the header has it: at most eight digits and a unit, and more than nothing.
func writeTimeout(left time.Duration) string {
	if us := max(left.Microseconds(), 1); us < mostDigits {
		return strconv.FormatInt(us, 10) + "u"
	}
	return strconv.FormatInt(min(left.Milliseconds(), mostDigits-1), 10) + "m"
}

var units = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': 1,
}

// ReadTimeout returns the milliseconds of a timeout header ("250m"), false if there are none.
func ReadTimeout(text string) (int64, bool) {
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

// Trailers returns the trailers of a whole answer, which where they stand alone are its header.
func Trailers(response *http.Response) http.Header {
	if response.Trailer.Get(StatusHeader) == "" && response.Header.Get(StatusHeader) != "" {
		return response.Header
	}
	return response.Trailer
}

// StatusOf returns the status of a whole answer.
func StatusOf(response *http.Response) int {
	code, err := strconv.Atoi(Trailers(response).Get(StatusHeader))
	if err != nil {
		return withoutStatus(response.StatusCode)
	}
	return code
}

// withoutStatus returns the status of an answer that is not gRPC's, as the specification maps it.
func withoutStatus(status int) int {
	switch status {
	case 429, 502, 503, 504:
		return Unavailable
	case 404:
		return Unimplemented
	case 400:
		return Internal
	}
	return Unknown
}
