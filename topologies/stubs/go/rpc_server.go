package main

import (
	"errors"
	"io"
	"net/http"
	"strconv"
)

// serveRPC answers a call of testbed.v1.Stub: Call takes one message, Stream answers each as it comes.
func (s *service) serveRPC(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", rpcType)
	if ms, given := readTimeout(r.Header.Get(timeoutHeader)); given {
		r.Header.Set(timeoutHeader, strconv.FormatInt(ms, 10)) // as every deadline is written, in milliseconds
	}
	once := r.URL.Path == rpcService+"Call"
	if !once && r.URL.Path != rpcService+"Stream" {
		end(w, rpcUnimplemented, "no method "+r.URL.Path)
		return
	}
	if !once {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
	}
	for {
		message, err := readMessage(r.Body)
		if errors.Is(err, io.EOF) {
			end(w, rpcOK, "")
			return
		}
		if err != nil {
			end(w, rpcInternal, err.Error())
			return
		}
		if !s.answerRPC(w, r, message) {
			return
		}
		if once {
			io.Copy(io.Discard, r.Body)
			end(w, rpcOK, "")
			return
		}
		w.(http.Flusher).Flush()
	}
}

// answerRPC answers one message; false if that ended the call.
func (s *service) answerRPC(w http.ResponseWriter, r *http.Request, message []byte) bool {
	told, err := readRequest(message)
	if err != nil {
		end(w, rpcInvalidArgument, `a request is JSON: {"method": "GET", "path": "/"}`)
		return false
	}
	own := http.Header{}
	body := s.answer(r, told.Method, told.Path, own)
	for name := range own {
		w.Header().Set(http.TrailerPrefix+name, own.Get(name))
	}
	if code := asRPC(body.Status); code != rpcOK {
		end(w, code, body.Error)
		return false
	}
	w.Write(framed(s.text(body)))
	return true
}

// end sends the status, and with it the trailers.
func end(w http.ResponseWriter, code int, message string) {
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", strconv.Itoa(code))
	if message != "" {
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", percentEncoded(message))
	}
	w.WriteHeader(http.StatusOK)
}
