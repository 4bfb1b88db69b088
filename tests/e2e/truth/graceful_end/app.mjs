// Ends well: on SIGTERM it takes no new connections, answers what it has, each with the end of its connection, and ends.
import http from 'node:http';

let ending = false;
const server = http.createServer((request, response) => setTimeout(() => {
  if (ending) response.setHeader('connection', 'close');
  response.end('ok');
}, 300));
server.listen(Number(process.env.PORT), process.env.ADDR.split(':')[0]);
process.on('SIGTERM', () => {
  ending = true;
  server.close(() => process.exit(0));
});
