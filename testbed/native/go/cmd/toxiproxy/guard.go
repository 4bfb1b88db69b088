package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"strings"
)

// newToken makes a random token and writes it into a file that only its owner can read.
func newToken(path string) (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token, draft := hex.EncodeToString(random), path+".new"
	if err := os.Remove(draft); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	if _, err := file.WriteString(token); err != nil {
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	return token, os.Rename(draft, path)
}

// guarded answers only requests that have the token, besides the version, for readiness. A page in a browser has an
// Origin, or (if it makes its own name point here) a Host that is a name.
func guarded(handler http.Handler, token string) http.Handler {
	wanted := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "" || !isAddress(r.Host):
			http.Error(w, "not from a web page", http.StatusForbidden)
		case r.URL.Path != "/version" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), wanted) != 1:
			http.Error(w, "this needs the token of the run", http.StatusUnauthorized)
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return net.ParseIP(strings.Trim(host, "[]")) != nil
}
