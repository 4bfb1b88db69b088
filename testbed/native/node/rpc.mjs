// gRPC over HTTP/2: messages with a prefix of five bytes, the status in trailers. Messages are JSON, so that no code is
// generated; every gRPC library can call with a codec that passes bytes unchanged.

export const SERVICE = '/testbed.v1.Stub/';
export const TYPE = 'application/grpc';
export const [OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED] = [0, 1, 2, 3, 4];
export const [UNIMPLEMENTED, INTERNAL, UNAVAILABLE] = [12, 13, 14];

const UNITS = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 };
const PREFIX = 5;

/** Return the gRPC status that says the same as an HTTP status. */
export const asRpc = (status, { of_http: codes }) => (status < 400 ? OK : (codes[status] ?? UNKNOWN));

/** Return a message with its prefix. */
export function framed(text) {
  const message = Buffer.from(text);
  const frame = Buffer.alloc(PREFIX + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, PREFIX);
  return frame;
}

/** Yield the messages of a stream of bytes as they come. Throws for one that is compressed or incomplete. */
export async function* messages(stream) {
  let rest = Buffer.alloc(0);
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= PREFIX && rest.length >= PREFIX + rest.readUInt32BE(1)) {
      if (rest[0] !== 0) throw new Error('the message is compressed');
      const end = PREFIX + rest.readUInt32BE(1);
      yield rest.toString('utf8', PREFIX, end);
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Error('the message is incomplete');
}

/** Return the milliseconds of a grpc-timeout header ("250m"), null if there are none. */
export function readTimeout(text = '') {
  const parts = /^(\d{1,8})([HMSmun])$/.exec(text);
  return parts && Math.floor(Number(parts[1]) * UNITS[parts[2]]);
}

/** Return milliseconds as a grpc-timeout header: at most eight digits. */
export const writeTimeout = (ms) => (ms < 99_999 ? `${Math.max(0, Math.floor(ms * 1000))}u` : `${Math.floor(ms)}m`);
