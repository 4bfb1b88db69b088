// The server in gRPC mode: testbed.v1.Stub, over node:http2.
import { asRpc, framed, INTERNAL, INVALID_ARGUMENT, messages, OK, readTimeout, SERVICE, TYPE, UNIMPLEMENTED } from './rpc.mjs';

/** Answer a call: Call has one message, Stream any number, each of which is answered as it comes. */
export async function serveRpc(service, stream, headers) {
  const method = headers[':path'].startsWith(SERVICE) ? headers[':path'].slice(SERVICE.length) : '';
  const trailers = {};
  stream.on('error', () => {});
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond({ ':status': 200, 'content-type': TYPE }, { waitForTrailers: true });
  Object.assign(trailers, ['Call', 'Stream'].includes(method)
    ? await answered(service, stream, headers)
    : ended(UNIMPLEMENTED, `no method ${headers[':path']}`));
  if (!stream.destroyed) stream.end();
}

/** Answer the messages of one call, and return its trailers. */
async function answered(service, stream, headers) {
  const told = { ...headers };
  const left = readTimeout(headers['grpc-timeout']);
  if (left !== null) told['grpc-timeout'] = String(left); // in milliseconds, like every other deadline
  const signal = service.leaving(stream);
  let own = {};
  try {
    for await (const message of messages(stream)) {
      const request = readRequest(message);
      if (request === null) return ended(INVALID_ARGUMENT, 'a request is JSON: {"method": "GET", "path": "/"}');
      const answer = await service.answer(request.method, request.path, told, signal);
      if (answer === null) return ended(INTERNAL, 'the client has disconnected');
      own = answer.headers;
      const code = asRpc(answer.status, service.statuses);
      if (code !== OK) return { ...own, ...ended(code, answer.error) };
      stream.write(framed(answer.text));
    }
  } catch (error) {
    return ended(INTERNAL, error.message);
  }
  return { ...own, ...ended(OK) };
}

function readRequest(text) {
  try {
    const told = { method: 'GET', path: '/', ...(text && JSON.parse(text)) };
    return typeof told.method === 'string' && typeof told.path === 'string' ? told : null;
  } catch {
    return null;
  }
}

const ended = (code, message = '') => ({ 'grpc-status': String(code), ...(message && { 'grpc-message': encoded(message) }) });
const encoded = (text) => encodeURIComponent(text).replace(/%(20|2F|3A|2C|22|7B|7D)/g, decodeURIComponent);
