// Start the Node stub: `node main.mjs`. ../README.md describes its environment and its behaviour.
import { createServer } from 'node:http';
import { Server } from 'node:net';
import { BadInput } from './behaviour.mjs';
import { Service } from './service.mjs';
import { readSettings } from './settings.mjs';

const BACKLOG = 1024;
const STAY = 1000; // idle connections stay open for so many ms at most after SIGTERM
// An idle connection of a client stays open: closing it could break the next request of the client.
const OPTIONS = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true };

const exit = () => process.exit(0);
let stop = exit;
process.on('SIGTERM', () => stop());

/** Accept no connection; exit when the requests in progress are answered, after `grace` milliseconds at the latest. */
function finish(server, { grace, protocol }) {
  if (grace === 0) exit();
  setTimeout(exit, grace);
  Server.prototype.close.call(server, exit); // that of node:http would close idle connections at once
  const stay = protocol === 'http' ? Math.min(STAY, grace / 10) : 0; // the others say GOAWAY
  setTimeout(() => server.closeIdleConnections(), stay);
}

function refuse(message) {
  process.stderr.write(`stub: ${message}\n`);
  process.exit(2);
}

async function start() {
  const settings = readSettings(process.env);
  const service = new Service(settings);
  const first = createServer(OPTIONS, (request, response) => service.serve(request, response));
  const { protocol } = settings.behaviour;
  const server = protocol === 'http' ? first : (await import('./versions.mjs')).bothVersions(first, service, protocol);
  stop = () => finish(server, settings.behaviour);
  server.on('error', (error) => refuse(`cannot listen: ${error.message}`));
  server.listen({ host: settings.address, port: settings.port, backlog: BACKLOG });
}

try {
  await start();
} catch (error) {
  if (!(error instanceof BadInput)) throw error;
  refuse(error.message);
}
