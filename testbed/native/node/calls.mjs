// Calls to upstreams: tries, retries, fallbacks, and steps of parallel calls.
import { setTimeout as wait } from 'node:timers/promises';
import { rounded } from './attempts.mjs';
import { exchange, Failure } from './pool.mjs';

export const FALLBACK_HEADER = 'x-testbed-fallback';

/** What calls add to the answer; `failed` is {status, error} if the request fails because of them. */
export class Result {
  calls = [];
  answers = {};
  own = [];
  passed = [];
  failed = null;

  /** Add another result; the first failure counts. */
  add(other) {
    this.calls.push(...other.calls);
    Object.assign(this.answers, other.answers);
    this.own.push(...other.own);
    this.passed.push(...other.passed);
    this.failed ??= other.failed;
  }

  /** All fallbacks taken, those of this service first, each once. */
  get fallbacks() {
    return [...new Set([...this.own, ...this.passed])];
  }
}

/** Wait `ms` milliseconds, never less. Throws the reason of `signal`. */
export async function sleep(ms, signal) {
  const due = performance.now() + ms;
  for (let left = ms; left > 0; left = due - performance.now()) await wait(left, undefined, { signal });
  signal.throwIfAborted();
}

/**
 * Makes the calls of one request, with its headers, until `signal` says that its client has disconnected or its
 * deadline has passed; `memory` holds the last good answers of calls that have a stale fallback.
 */
export class Caller {
  constructor({ upstreams, log, signal, headers, request, deadline, memory, statuses }) {
    Object.assign(this, { upstreams, log, signal, headers, request, deadline, memory, statuses });
  }

  /** Make the calls in parallel and wait for all. Throws the signal's reason if the client has disconnected. */
  async step(calls) {
    const results = await Promise.all(calls.map((call) => this.#call(call)));
    this.signal.throwIfAborted();
    const total = new Result();
    for (const result of results) total.add(result);
    return total;
  }

  async #call(call) {
    const outcome = await this.#withRetries(call);
    const result = new Result();
    const { status, tries, ms } = outcome;
    result.calls.push({ to: call.to, path: call.path, status, tries, ms, failure: null, fallback: null });
    result.passed.push(...outcome.fallbacks);
    if (!succeeded(status) && !this.signal.aborted) await this.#fallBack(call, outcome, result);
    return result;
  }

  async #fallBack(call, outcome, result) {
    const way = call.on_failure;
    Object.assign(result.calls[0], { failure: way.kind, fallback: way.name ?? null });
    if (way.kind === 'fail') {
      const status = way.keep.includes(outcome.status) ? outcome.status : way.status;
      result.failed = { status, error: `${call.to}: ${outcome.status || outcome.error}` };
    } else if (way.kind === 'default') {
      result.answers[way.name] = way.answer;
      result.own.push(way.name);
    } else if (way.kind === 'stale') {
      this.#repeat(call, outcome, result);
    } else if (way.kind === 'call') {
      result.own.push(way.name);
      result.add(await this.#call(way.call));
    }
  }

  /** Use the answer of the last success of the call; fail with 503 before the first. */
  #repeat(call, outcome, result) {
    const { name } = call.on_failure;
    if (this.memory.has(keyOf(call))) {
      result.answers[name] = this.memory.get(keyOf(call));
      result.own.push(name);
    } else {
      result.calls[0].fallback = null;
      result.failed = { status: 503, error: `${call.to}: ${outcome.status || outcome.error}, and no stored answer yet` };
    }
  }

  /** Try until a success or the last try, and write the call to the attempt log. */
  async #withRetries(call) {
    const outcome = { status: 0, tries: 0, error: '', fallbacks: [], grpc: null };
    const began = performance.now();
    const common = { request: this.request, to: call.to, call: this.log.callId() };
    for (let number = 1; number <= call.retries + 1 && !succeeded(outcome.status); number++) {
      const error = await this.#unwanted(number > 1 ? call.pause : 0);
      if (error) {
        Object.assign(outcome, { status: 0, error, grpc: null });
        break;
      }
      outcome.tries = number;
      Object.assign(outcome, await this.#try(call, number, common));
    }
    outcome.ms = rounded(performance.now() - began);
    const { tries, ms } = outcome;
    if (tries > 0) this.log.write({ kind: 'call', ...common, tries, ...told(outcome) }, began, ms);
    return outcome;
  }

  /** Wait, and return why there must be no other try, '' if there may be one. */
  async #unwanted(pause) {
    const left = await sleep(pause, this.signal).then(() => false, () => true);
    return left ? 'cancelled' : this.deadline.over ? 'deadline' : '';
  }

  /** Make one try and log it. Returns its status (0 is no answer), error and the fallbacks named in the answer. */
  async #try(call, number, common) {
    const upstream = this.upstreams.get(call.to);
    const host = upstream.nextHost();
    const began = performance.now();
    const ended = { status: 0, error: '', fallbacks: [], grpc: null };
    const keep = call.on_failure.kind === 'stale';
    try {
      const answer = await (call.protocol === 'grpc' ? this.#rpc(call, upstream, host) : this.#request(call, upstream, host));
      Object.assign(ended, answer.ended, { fallbacks: names(answer.headers[FALLBACK_HEADER]) });
      if (keep && succeeded(ended.status)) this.memory.set(keyOf(call), valueOf(answer.body));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      ended.error = this.signal.aborted ? 'cancelled' : error.word;
    }
    this.log.write({ kind: 'try', ...common, host, try: number, ...told(ended) }, began, performance.now() - began);
    return ended;
  }

  async #request(call, upstream, host) {
    const { status, headers, body } = await exchange(host, {
      method: call.method,
      target: upstream.prefix + call.path,
      headers: { host: upstream.name, ...this.#told() },
      timeout: this.deadline.within(call.timeout),
      signal: this.signal,
      keep: call.on_failure.kind === 'stale',
    });
    return { ended: { status }, headers, body };
  }

  async #rpc({ method, path, timeout }, { name }, host) {
    const rpc = await import('./rpc_client.mjs'); // only where it is needed
    const within = this.deadline.within(timeout);
    const told = { name, method, path, headers: this.#told(), timeout: within, signal: this.signal };
    const { code, trailers, text } = await rpc.call(host, told);
    if (this.signal.aborted) throw new Failure('cancelled');
    const { names, http } = this.statuses;
    const ended = { status: http[code] ?? 500, grpc: code, error: code === 0 ? '' : (names[code] ?? String(code)) };
    return { ended, headers: trailers, body: text };
  }

  #told() {
    return { ...this.headers, ...this.deadline.told() };
  }
}

/** Return the fields in the attempt log for how a try or a call ended. */
const told = ({ status, error, grpc }) => (grpc === null ? { status, error } : { status: 200, grpc, error });

const keyOf = ({ to, method, path }) => `${to} ${method} ${path}`;

/** Return the body of an answer: as JSON, else as text. */
function valueOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const succeeded = (status) => status >= 200 && status < 400;
const names = (text = '') => text.split(',').map((name) => name.trim()).filter(Boolean);
