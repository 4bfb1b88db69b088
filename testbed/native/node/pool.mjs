// Persistent connections to the upstreams, and one try of a call on them.
import { Agent, request } from 'node:http';

const CODES = { ECONNREFUSED: 'refused', ECONNRESET: 'reset', EPIPE: 'reset', ETIMEDOUT: 'timeout', ABORT_ERR: 'cancelled' };

/** Why a try has no answer; `word` is the name of the error in the attempt log. */
export class Failure extends Error {
  constructor(word) {
    super(word);
    this.word = word;
  }

  /** Return the failure for an error of node:http. */
  static of(error) {
    return error instanceof Failure ? error : new Failure(CODES[error.code] ?? 'other');
  }
}

function drop() {
  this.destroy();
}

/** Idle connections by "ip:port", as many as there were parallel calls; one that the peer closes is dropped. */
class Pool extends Agent {
  constructor() {
    super({ keepAlive: true, maxFreeSockets: Infinity, noDelay: true });
  }

  keepSocketAlive(socket) {
    socket.off('end', drop).on('end', drop);
    return super.keepSocketAlive(socket);
  }
}

const pool = new Pool();

/**
 * Send one request to `host` ("ip:port"), read the whole answer and return status, headers and (to `keep`) body.
 * Throws `Failure`; `timeout` is in milliseconds, null for none; `signal` ends the try when the client disconnects.
 */
export function exchange(host, { method, target, headers, timeout, signal, keep = false }) {
  return new Promise((resolve, reject) => {
    const colon = host.lastIndexOf(':');
    const [address, port] = [host.slice(0, colon), host.slice(colon + 1)];
    const sent = request({ agent: pool, host: address, port, method, path: target, headers, signal });
    const timer = timeout === null ? null : setTimeout(() => sent.destroy(new Failure('timeout')), Math.ceil(timeout) + 1);
    const fail = (error) => {
      clearTimeout(timer);
      reject(Failure.of(error));
    };
    sent.on('error', fail).on('response', (answer) => {
      const pieces = [];
      answer.on('error', fail).on('end', () => {
        clearTimeout(timer);
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() });
      });
      answer.on('data', (piece) => keep && pieces.push(piece));
    });
    sent.end();
  });
}
