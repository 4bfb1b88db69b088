// Package serving is what the services in Go share.
package serving

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
)

// Serve answers every GET on ADDR and PORT: 200 with what a function returns, 503 if it fails.
func Serve(answer func(ctx context.Context, path, baggage string) (string, error)) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		text, err := answer(r.Context(), r.URL.Path, r.Header.Get("baggage"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, text)
	}
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR")+":"+os.Getenv("PORT"), http.HandlerFunc(handler)))
}
