// Asks pricing with net/http, and hands on the context of a request by OpenTelemetry.
package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// web asks pricing with a client, with the context of the request that it answers.
func web(client *http.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, os.Getenv("PRICING_URL"), nil)
		if err != nil {
			panic(err)
		}
		reply, err := client.Do(request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer reply.Body.Close()
		w.WriteHeader(reply.StatusCode)
		io.Copy(w, reply.Body)
	})
	return mux
}

func instrumented() http.Handler {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	mux := web(&http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)})
	return otelhttp.NewHandler(mux, "web")
}

func main() {
	handler := web(http.DefaultClient)
	if os.Getenv("OTEL_SDK_DISABLED") != "true" {
		handler = instrumented()
	}
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR")+":"+os.Getenv("PORT"), handler))
}
