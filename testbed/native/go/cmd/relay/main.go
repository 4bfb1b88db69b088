// Command relay passes on what comes in at sockets that it is given to addresses that it can reach.
//
//	relay FD FD FD=IP:PORT FD=IP:PORT ...
//
// The sockets were bound in another network namespace than the one it runs in: there they are reached, from here it
// connects (testbed/runtime/process/netns.py). One that listens already goes on listening; any other does while its target
// does. The first FD is a line to the relay that works the other way: when that has died, neither is of use, and the
// whole process group ends, with the app that they belong to. The second FD is closed when signals for that group no
// longer end it: the Go runtime takes SIGTERM, blocked or ignored at its start as it may be.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fail("relay FD FD FD=IP:PORT ...")
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM) // for the app, which may have something to finish
	begins, err := descriptor(os.Args[2])
	if err != nil {
		fail(err.Error())
	}
	begins.Close() // now the app may begin
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	for _, word := range os.Args[3:] {
		made, err := newDoor(word)
		if err != nil {
			fail(fmt.Sprintf("%s: %v", word, err))
		}
		go made.serve()
	}
	endWithOther(os.Args[1])
}

// newDoor reads "FD=IP:PORT".
func newDoor(word string) (*door, error) {
	number, target, _ := strings.Cut(word, "=")
	file, err := descriptor(number)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	socket, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	listener, ok := socket.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("is no TCP socket")
	}
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	made := &door{socket: listener, raw: raw, target: target}
	made.follows = !made.listens()
	return made, nil
}

// endWithOther waits for the end of the other relay, and brings about the end of all.
func endWithOther(number string) {
	line, err := descriptor(number)
	if err != nil {
		fail(err.Error())
	}
	var nothing [1]byte
	line.Read(nothing[:])
	fmt.Fprintln(os.Stderr, "testbed: a relay of this app's network has died, and the app with it")
	syscall.Kill(0, syscall.SIGKILL)
}

func descriptor(number string) (*os.File, error) {
	fd, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), number), nil
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "relay:", message)
	os.Exit(2)
}
