// Ends well: on SIGTERM it takes no new connections, and answers on those that it has, each time with the end of the
// connection. A connection that nobody uses for a second is closed, and not at once: a request may be on its way on it.
import http from 'node:http';
import { Server } from 'node:net';

let ending = false;
const server = http.createServer((request, response) => setTimeout(() => {
  if (ending) response.setHeader('connection', 'close');
  response.end('ok');
}, 300));
server.listen(Number(process.env.PORT), process.env.ADDR.split(':')[0]);
process.on('SIGTERM', () => {
  ending = true;
  Server.prototype.close.call(server, () => process.exit(0));
  setTimeout(() => server.closeIdleConnections(), 1000);
});
