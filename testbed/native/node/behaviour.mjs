// Read BEHAVIOUR. The testbed checks what it writes against `behaviour.schema.json`; a stub checks the keys alone.

const TOP = 'protocol grpc wiring forward concurrency deadline hang_up grace reset default routes';
const CALL = 'to protocol method path timeout retries pause on_failure';
const ON_FAILURE = {
  fail: 'kind status keep',
  ignore: 'kind',
  default: 'kind name answer',
  stale: 'kind name',
  call: 'kind name call',
};

/** The stub cannot start with its environment; the message is one line for the user. */
export class BadInput extends Error {}

/** Return the behaviour. Throws `BadInput` for a key that is unknown or missing. */
export function readBehaviour(text) {
  try {
    const behaviour = JSON.parse(text);
    for (const [value, keys] of objects(behaviour)) checkKeys(value, keys.split(' '));
    return behaviour;
  } catch (error) {
    throw new BadInput(`BEHAVIOUR: ${error.message}`);
  }
}

/** Return the names of all upstreams that a behaviour can call, each with the protocol of the call. */
export function called(behaviour) {
  return new Map(routes(behaviour).flatMap((route) => [...calls(route)]).map((call) => [call.to, call.protocol]));
}

function checkKeys(value, keys) {
  const missing = keys.filter((key) => !Object.hasOwn(value, key));
  const wrong = [...missing, ...Object.keys(value).filter((key) => !keys.includes(key))];
  if (wrong.length) throw new Error(`unknown or missing: ${wrong.join(', ')}`);
}

/** Yield every object with the keys that it must have, outer ones first. */
function* objects(behaviour) {
  yield [behaviour, TOP];
  if (behaviour.grpc !== null) yield [behaviour.grpc, 'names http of_http'];
  if (behaviour.concurrency !== null) yield [behaviour.concurrency, 'limit queue shed'];
  for (const route of routes(behaviour)) {
    yield [route, 'work steps answer'];
    yield [route.answer, 'status bytes'];
    for (const step of route.steps) yield [step, 'parallel'];
    for (const call of calls(route)) {
      yield [call, CALL];
      yield [call.on_failure, ON_FAILURE[call.on_failure.kind] ?? ''];
    }
  }
}

const routes = (behaviour) => [behaviour.default, ...Object.values(behaviour.routes)];

/** Yield every call of a route, those that replace a failed call included. */
function* calls(route) {
  for (const first of route.steps.flatMap((step) => step.parallel)) {
    for (let call = first; call; call = call.on_failure?.call) yield call;
  }
}
