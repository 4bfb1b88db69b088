// Calls over gRPC: node:http2 without TLS, one session for each "ip:port".
import { connect, constants } from 'node:http2';
import { CANCELLED, DEADLINE_EXCEEDED, framed, INTERNAL, messages, SERVICE, TYPE, UNAVAILABLE, UNIMPLEMENTED, UNKNOWN, writeTimeout } from './rpc.mjs';

const sessions = new Map();
// The gRPC status of an answer without one, by its HTTP status, as in the specification.
const WITHOUT_STATUS = { 400: INTERNAL, 404: UNIMPLEMENTED, 429: UNAVAILABLE, 502: UNAVAILABLE, 503: UNAVAILABLE, 504: UNAVAILABLE };

function session(host) {
  const known = sessions.get(host);
  if (known && !known.closed && !known.destroyed) return known;
  const made = connect(`http://${host}`);
  const forget = () => sessions.get(host) === made && sessions.delete(host);
  made.on('error', forget).on('close', forget).on('goaway', forget);
  sessions.set(host, made);
  return made;
}

/**
 * Send one request to `host` and return its gRPC status (`code`), trailers and message. `timeout` is in milliseconds,
 * null for none; `signal` ends the try when the client disconnects.
 */
export function call(host, { name, method, path, headers, timeout, signal }) {
  return new Promise((resolve) => {
    const { 'grpc-timeout': _, ...own } = headers;
    const limit = timeout === null ? {} : { 'grpc-timeout': writeTimeout(timeout) };
    const stream = session(host).request({
      ...own,
      ...limit,
      ':method': 'POST',
      ':path': `${SERVICE}Call`,
      ':authority': name,
      'content-type': TYPE,
      te: 'trailers',
    });
    let [code, trailers, text, failed] = [null, {}, '', null];
    const cancel = (why) => {
      code = why;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const left = () => cancel(CANCELLED);
    const timer = timeout === null ? null : setTimeout(() => cancel(DEADLINE_EXCEEDED), Math.ceil(timeout) + 1);
    signal.addEventListener('abort', left, { once: true });
    stream.on('response', (answer) => {
      if (answer['grpc-status'] !== undefined) trailers = answer; // trailers-only
      else failed = answer[':status'] === 200 ? null : (WITHOUT_STATUS[answer[':status']] ?? UNKNOWN);
    });
    stream.on('trailers', (found) => (trailers = found));
    stream.on('error', () => (code ??= UNAVAILABLE));
    stream.on('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', left);
      reading.finally(() => {
        const said = trailers['grpc-status'];
        resolve({ code: code ?? (said === undefined ? (failed ?? lost(stream)) : Number(said)), trailers, text });
      });
    });
    const reading = read(stream).then((found) => (text = found), () => {});
    stream.end(framed(JSON.stringify({ method, path })));
    if (signal.aborted) left();
  });
}

/** Read to the end: the trailers follow it. */
async function read(stream) {
  let last = '';
  for await (const message of messages(stream)) last = message;
  return last;
}

const lost = (stream) => (stream.rstCode === constants.NGHTTP2_NO_ERROR ? UNKNOWN : UNAVAILABLE);
