package main

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"testbed.invalid/native/internal/wire"
)

// serveRPC answers a call of testbed.v1.Stub: Call takes one message, Stream answers each as it comes.
func (s *service) serveRPC(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", wire.Type)
	if ms, given := wire.ReadTimeout(r.Header.Get(wire.TimeoutHeader)); given {
		r.Header.Set(wire.TimeoutHeader, strconv.FormatInt(ms, 10)) // in milliseconds, like every other deadline
	}
	once := r.URL.Path == rpcService+"Call"
	if !once && r.URL.Path != rpcService+"Stream" {
		end(w, wire.Unimplemented, "no method "+r.URL.Path)
		return
	}
	if !once {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
	}
	for {
		message, err := wire.ReadMessage(r.Body)
		if errors.Is(err, io.EOF) {
			end(w, wire.OK, "")
			return
		}
		if err != nil {
			end(w, wire.Internal, err.Error())
			return
		}
		if !s.answerRPC(w, r, message) {
			return
		}
		if once {
			io.Copy(io.Discard, r.Body)
			end(w, wire.OK, "")
			return
		}
		w.(http.Flusher).Flush()
	}
}

// answerRPC answers one message; false if that ended the call.
func (s *service) answerRPC(w http.ResponseWriter, r *http.Request, message []byte) bool {
	told, err := readRequest(message)
	if err != nil {
		end(w, wire.InvalidArgument, `a request is JSON: {"method": "GET", "path": "/"}`)
		return false
	}
	own := http.Header{}
	body := s.answer(r, told.Method, told.Path, own)
	for name := range own {
		w.Header().Set(http.TrailerPrefix+name, own.Get(name))
	}
	if code := s.behaviour.GRPC.asRPC(body.Status); code != wire.OK {
		end(w, code, body.Error)
		return false
	}
	w.Write(wire.Framed(s.text(body)))
	return true
}

// end sends the status, and with it the trailers.
func end(w http.ResponseWriter, code int, message string) {
	w.Header().Set(http.TrailerPrefix+wire.StatusHeader, strconv.Itoa(code))
	if message != "" {
		w.Header().Set(http.TrailerPrefix+wire.MessageHeader, percentEncoded(message))
	}
	w.WriteHeader(http.StatusOK)
}
