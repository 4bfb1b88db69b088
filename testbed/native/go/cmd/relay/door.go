package main

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

const (
	pause   = 5 * time.Millisecond // between two looks whether anybody listens
	backlog = 4096
)

var dialer = net.Dialer{KeepAlive: -1}

// door is a socket in the other network, and where its connections lead to in this one.
type door struct {
	socket  *net.TCPListener
	raw     syscall.RawConn
	target  string
	follows bool // it listens only while its target does
}

// serve takes connections for ever.
func (d *door) serve() {
	for {
		if d.follows {
			d.await()
		}
		near, err := d.socket.AcceptTCP()
		if err != nil { // it has just been shut, or there are no descriptors left
			time.Sleep(pause)
			continue
		}
		go d.pass(near)
	}
}

// await listens as soon as the target does: that is seen by a connection without a word.
func (d *door) await() {
	for !d.listens() {
		if far, err := dialer.Dial("tcp", d.target); err == nil {
			far.Close()
			d.raw.Control(func(fd uintptr) { syscall.Listen(int(fd), backlog) })
		} else {
			time.Sleep(pause)
		}
	}
}

func (d *door) listens() bool {
	found := 0
	d.raw.Control(func(fd uintptr) {
		found, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	})
	return found != 0
}

// pass connects first; who cannot be reached is not hidden from the caller.
func (d *door) pass(near *net.TCPConn) {
	far, err := dialer.Dial("tcp", d.target)
	if err != nil {
		if d.follows && errors.Is(err, syscall.ECONNREFUSED) { // so that the next one is refused as well
			d.raw.Control(func(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_RD) })
		}
		reset(near)
		return
	}
	exchange(near, far.(*net.TCPConn))
}

// exchange hands on everything both ways, until both have ended or one has been reset.
func exchange(near, far *net.TCPConn) {
	ended := make(chan error, 2)
	go func() { ended <- carry(far, near) }()
	go func() { ended <- carry(near, far) }()
	for range 2 {
		if <-ended != nil {
			reset(near, far)
			return
		}
	}
	near.Close()
	far.Close()
}

// carry hands on what comes from one side, and then its end.
func carry(to, from *net.TCPConn) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.CloseWrite()
}

// reset closes connections with RST, not FIN.
func reset(connections ...*net.TCPConn) {
	for _, one := range connections {
		one.SetLinger(0)
		one.Close()
	}
}
