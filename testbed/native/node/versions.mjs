// One port for HTTP/1.1 and for HTTP/2 without TLS: the first bytes of a connection say which.
import { createServer } from 'node:http2';
import { createServer as listener } from 'node:net';
import { serveRpc } from './rpc_server.mjs';

const PREFACE = 'PRI * HTTP/2.0';

/** Return a server that hands each connection to `first` (HTTP/1.1) or to one for HTTP/2, in `protocol`. */
export function bothVersions(first, service, protocol) {
  const second = createServer({ settings: { maxConcurrentStreams: 2 ** 31 - 1 } });
  const sessions = new Set();
  second.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session)).on('error', () => {});
  });
  if (protocol === 'grpc') second.on('stream', (stream, headers) => serveRpc(service, stream, headers));
  else second.on('request', (request, response) => service.serve(request, response));
  const server = listener({ noDelay: true, pauseOnConnect: false }, (socket) => {
    socket.on('error', () => {});
    socket.once('readable', () => {
      const start = socket.read();
      if (start === null) return;
      socket.unshift(start);
      (PREFACE.startsWith(start.toString('latin1', 0, PREFACE.length)) ? second : first).emit('connection', socket);
    });
  });
  server.closeIdleConnections = () => {
    first.closeIdleConnections();
    for (const session of sessions) session.close(); // GOAWAY: requests in progress are finished
  };
  return server;
}
