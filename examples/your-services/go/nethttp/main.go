// Asks pricing with net/http.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"your-services/serving"
)

var pricing = &http.Client{Timeout: 3 * time.Second}

func answer(ctx context.Context, path, baggage string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("PRICING_URL")+path, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("baggage", baggage)
	reply, err := pricing.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if reply.StatusCode >= 400 {
		err = errors.New("pricing answered " + reply.Status)
	}
	return string(text), err
}

func main() { serving.Serve(answer) }
