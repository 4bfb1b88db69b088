package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"sync"
)

const mostKept = 64 << 10 // bytes of one body that are kept; its digest is of all of it

// content is the body of an answer: its size, the digest of all of it, and its beginning.
type content struct {
	size   int64
	digest string
	head   []byte
}

// readBody reads a body to its end. Where it breaks off, the content is what came.
func readBody(body io.Reader) (content, error) {
	sum, head := sha256.New(), &beginning{}
	size, err := io.Copy(io.MultiWriter(sum, head), body)
	return content{size, hex.EncodeToString(sum.Sum(nil)[:16]), head.Bytes()}, err
}

// withoutPrefix is the message of a gRPC answer.
func (c content) withoutPrefix(prefix int) content {
	if len(c.head) >= prefix {
		c.size, c.head = c.size-int64(prefix), c.head[prefix:]
	}
	return c
}

// beginning keeps the first bytes that are written to it.
type beginning struct{ bytes.Buffer }

func (b *beginning) Write(data []byte) (int, error) {
	if room := mostKept - b.Len(); room > 0 {
		b.Buffer.Write(data[:min(room, len(data))])
	}
	return len(data), nil
}

// body is one of the distinct bodies that are kept; Text is only its beginning if it is shorter than Size.
type body struct {
	Digest string `json:"body"`
	Size   int64  `json:"size"`
	Text   []byte `json:"text"`
}

// library says which bodies are kept: each distinct one once, while there is room.
type library struct {
	mu   sync.Mutex
	room int64
	seen map[string]bool
}

// takes says whether this body is to be kept, which it is once.
func (l *library) takes(c content) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[c.digest] || int64(len(c.head)) > l.room {
		return false
	}
	l.seen[c.digest] = true
	l.room -= int64(len(c.head))
	return true
}

// chosen returns those of these headers that an answer has, each as "name: value".
func chosen(names []string, header http.Header) []string {
	var found []string
	for _, name := range names {
		if values := header.Values(name); len(values) > 0 {
			found = append(found, name+": "+values[0])
		}
	}
	return found
}
