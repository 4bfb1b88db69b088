package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"testbed.invalid/native/internal/wire"
)

// rpcs makes calls over gRPC: HTTP/2 without TLS, one connection for each address.
type rpcs struct{ transport *http.Transport }

func newRPCs() *rpcs {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &rpcs{&http.Transport{Protocols: protocols, DisableCompression: true}}
}

// exchange sends one request, writes the message of the answer to body and returns the gRPC status and the trailers.
func (c *rpcs) exchange(
	ctx context.Context, host, name string, call *call, headers map[string]string, body *bytes.Buffer,
) (int, http.Header) {
	message, err := json.Marshal(rpcRequest{call.Method, call.Path})
	if err != nil {
		panic(err)
	}
	// A reader without GetBody: net/http cannot repeat the request, so a try is one request on the wire.
	sent := io.NopCloser(bytes.NewReader(wire.Framed(message)))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+rpcService+"Call", sent)
	if err != nil {
		panic(err)
	}
	request.Host = name
	for key, value := range headers {
		if !strings.EqualFold(key, wire.TimeoutHeader) {
			request.Header.Set(key, value)
		}
	}
	end, _ := ctx.Deadline()
	wire.AsCall(request, end)
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return lost(err), nil
	}
	defer response.Body.Close()
	return readAnswer(response, body)
}

func readAnswer(response *http.Response, body *bytes.Buffer) (int, http.Header) {
	message, err := wire.ReadMessage(response.Body)
	if err == nil {
		body.Write(message)
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return lost(err), nil
	}
	return wire.StatusOf(response), wire.Trailers(response)
}

// lost returns the status of a call without an answer.
func lost(err error) int {
	if errors.Is(err, context.DeadlineExceeded) {
		return wire.DeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return wire.Cancelled
	}
	return wire.Unavailable
}
