// Ends well: on SIGTERM it takes no new connections, answers what it has, and ends.
import http from 'node:http';

const server = http.createServer((request, response) => setTimeout(() => response.end('ok'), 300));
server.listen(Number(process.env.PORT), process.env.ADDR.split(':')[0]);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 10);
});
