// The service itself: choose the route, work, make the calls, and answer with what happened.
import { setMaxListeners } from 'node:events';
import { AttemptLog } from './attempts.mjs';
import { Caller, FALLBACK_HEADER, Result, sleep } from './calls.mjs';
import { Deadline } from './deadline.mjs';
import { Gate, Shed } from './gate.mjs';
import { draw, unit } from './work.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };
const DEADLINE = 'x-envoy-expected-rq-timeout-ms'; // the only x-envoy-* header that an app may propagate
const CONTEXT = ['traceparent', 'tracestate', 'baggage', 'x-request-id'];

/** Answers requests as its behaviour says. */
export class Service {
  #settings;
  #forward;
  #gate;
  #log;
  #number = 0;
  #memory = new Map(); // the last good answers of calls that have a stale fallback

  constructor(settings) {
    const { forward, concurrency } = settings.behaviour;
    this.#settings = settings;
    const names = [...CONTEXT, ...forward].map((name) => name.toLowerCase());
    this.#forward = names.filter((name) => name === DEADLINE || !name.startsWith('x-envoy-'));
    this.#gate = concurrency && new Gate(concurrency.limit, concurrency.queue);
    this.#log = new AttemptLog(settings.attemptLog, settings.replica);
  }

  /** Answer one request, unless its client disconnects first. */
  async serve(request, response) {
    const path = pathOf(request.url);
    if (request.method === 'GET' && path === '/healthz') {
      send(response, 200, { 'content-type': 'text/plain' }, 'ok');
      return;
    }
    const signal = this.leaving(response);
    await whole(request);
    const answer = await this.#answer(request, path, signal);
    if (answer === null) response.destroy();
    else send(response, answer.status, { ...JSON_TYPE, ...answer.headers }, answer.text);
  }

  /** The statuses of gRPC. */
  get statuses() {
    return this.#settings.behaviour.grpc;
  }

  /** Answer a request that came over gRPC, whose headers are metadata; null if its client disconnects. */
  async answer(method, path, headers, signal) {
    return this.#answer({ method, headers }, path, signal);
  }

  /** Return a signal that is aborted when the client disconnects, if work must stop then. */
  leaving(response) {
    const client = new AbortController();
    setMaxListeners(0, client.signal); // there may be any number of parallel calls
    const heeded = this.#settings.behaviour.hang_up === 'stop';
    const leave = () => heeded && client.abort();
    response.on('close', () => response.writableFinished || leave()).on('aborted', leave); // HTTP/2 streams emit "aborted"
    return client.signal;
  }

  async #answer(request, path, signal) {
    if (request.method === 'POST' && path === this.#settings.behaviour.reset) this.#memory.clear();
    try {
      const { status, headers, body } = await this.#admitted(request, path, signal);
      return { status, headers, error: body.error, text: this.#text(body) };
    } catch (error) {
      if (!signal.aborted) process.stderr.write(`stub: ${error.stack}\n`);
      return null;
    }
  }

  async #admitted(request, path, signal) {
    const deadline = new Deadline(this.#settings.behaviour.deadline, request.headers);
    if (!this.#gate) return this.#worked(request, path, signal, deadline);
    try {
      await this.#gate.enter(signal);
    } catch (error) {
      if (!(error instanceof Shed)) throw error;
      const status = this.#settings.behaviour.concurrency.shed;
      return { status, headers: { 'x-testbed-shed': '1' }, body: { status, error: 'shed' } };
    }
    try {
      return await this.#worked(request, path, signal, deadline);
    } finally {
      this.#gate.leave();
    }
  }

  async #worked(request, path, signal, deadline) {
    if (deadline.over) return { status: 504, headers: {}, body: { status: 504, error: 'deadline' } };
    const route = this.#route(request.method, path);
    const tag = baggageMember(request.headers.baggage, 'tb.id');
    const work = draw(route.work, this.#unit(tag, request.headers, path));
    await sleep(work, signal);
    const result = await this.#called(route, request.headers, { request: tag, signal, deadline });
    const { calls, answers, fallbacks, failed } = result;
    const status = failed?.status ?? route.answer.status;
    const body = { path, status, work, calls, answers, fallbacks, padding: 'x'.repeat(route.answer.bytes) };
    if (failed) body.error = failed.error;
    return { status, headers: fallbacks.length ? { [FALLBACK_HEADER]: fallbacks.join(',') } : {}, body };
  }

  async #called(route, incoming, told) {
    const headers = {};
    for (const name of this.#forward) if (incoming[name] !== undefined) headers[name] = incoming[name];
    const { upstreams } = this.#settings;
    const caller = new Caller({ ...told, upstreams, log: this.#log, headers, memory: this.#memory, statuses: this.statuses });
    const total = new Result();
    for (const step of route.steps) {
      total.add(await caller.step(step.parallel));
      if (total.failed) break;
    }
    return total;
  }

  #route(method, path) {
    const { routes, default: fallback } = this.#settings.behaviour;
    const name = [`${method} ${path}`, path].find((key) => Object.hasOwn(routes, key));
    return name === undefined ? fallback : routes[name];
  }

  #unit(tag, headers, path) {
    const name = tag || headers['x-request-id'] || String((this.#number += 1));
    return unit(`${this.#settings.seed}|${name}|${this.#settings.service}|${path}`);
  }

  #text(body) {
    return JSON.stringify({ service: this.#settings.service, replica: this.#settings.replica, ...body });
  }
}

/** Read a request to its end, or until its client disconnects: the answer follows the whole request. */
function whole(request) {
  return new Promise((resolve) => request.on('end', resolve).on('close', resolve).resume());
}

/** Send a whole answer: node:http puts the head and a text into one write. During a graceful stop it says `connection: close`. */
function send(response, status, headers, text) {
  if (response.req.httpVersionMajor === 1 && response.req.socket.server?.listening === false) response.setHeader('connection', 'close');
  const sized = status === 204 || status === 304 ? {} : { 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, ...sized });
  response.end(text);
}

/** Return the path of a request target, absolute-form or not, without the query. */
function pathOf(target) {
  const [path] = target.split('?', 1);
  if (!path.startsWith('http://')) return path;
  const slash = path.indexOf('/', 'http://'.length);
  return slash < 0 ? '/' : path.slice(slash);
}

/** Return the value of one member of a W3C `baggage` header, "" if there is none. */
function baggageMember(baggage = '', key) {
  for (const member of baggage.split(',')) {
    const [name, ...value] = member.split(';', 1)[0].split('=');
    if (name.trim() === key) return value.join('=').trim();
  }
  return '';
}
