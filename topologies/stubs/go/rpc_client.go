package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
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
	message, err := json.Marshal(rpcRequest{call.method, call.path})
	if err != nil {
		panic(err)
	}
	// A reader without GetBody: net/http cannot send it again on its own, so a try is one request on the wire.
	sent := io.NopCloser(bytes.NewReader(framed(message)))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+rpcService+"Call", sent)
	if err != nil {
		panic(err)
	}
	request.Host = name
	for key, value := range headers {
		if !strings.EqualFold(key, timeoutHeader) {
			request.Header.Set(key, value)
		}
	}
	request.Header.Set("Content-Type", rpcType)
	request.Header.Set("Te", "trailers")
	if end, given := ctx.Deadline(); given {
		request.Header.Set(timeoutHeader, writeTimeout(time.Until(end)))
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return lost(err), nil
	}
	defer response.Body.Close()
	return readAnswer(response, body)
}

func readAnswer(response *http.Response, body *bytes.Buffer) (int, http.Header) {
	message, err := readMessage(response.Body)
	if err == nil {
		body.Write(message)
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return lost(err), nil
	}
	trailers := response.Trailer
	if response.Header.Get("Grpc-Status") != "" { // trailers-only
		trailers = response.Header
	}
	code, err := strconv.Atoi(trailers.Get("Grpc-Status"))
	if err != nil {
		return withoutStatus(response.StatusCode), trailers
	}
	return code, trailers
}

// lost returns the status of a call that got no answer.
func lost(err error) int {
	if errors.Is(err, context.DeadlineExceeded) {
		return rpcDeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return rpcCancelled
	}
	return rpcUnavailable
}

// withoutStatus returns the status of an answer that is not gRPC's, as the specification maps it.
func withoutStatus(status int) int {
	switch status {
	case 429, 502, 503, 504:
		return rpcUnavailable
	case 404:
		return rpcUnimplemented
	case 400:
		return rpcInternal
	}
	return rpcUnknown
}
