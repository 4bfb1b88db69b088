// Check a behaviour description. Every key must be there; an error names the place and what is wanted.

/** The stub cannot start with what it was given; the message is one line for the user. */
export class BadInput extends Error {}

const MOST = 2 ** 31;

/** Return the behaviour, checked, with every `work` as sorted [percent, milliseconds] knots. */
export function parseBehaviour(text) {
  const top = object(parseJson(text), 'it');
  need(['http', 'http2', 'grpc'].includes(get(top, 'protocol', 'it')), 'protocol', "'http', 'http2' or 'grpc'");
  need(['listener', 'proxy'].includes(get(top, 'wiring', 'it')), 'wiring', "'listener' or 'proxy'");
  need(list(get(top, 'forward', 'it'), 'forward').every(isText), 'forward', 'a list of header names');
  for (const key of ['deadline', 'reset']) need(get(top, key, 'it') === null || isText(top[key]), key, 'null or a text');
  need(['stop', 'continue'].includes(get(top, 'hang_up', 'it')), 'hang_up', "'stop' or 'continue'");
  need(isAmount(get(top, 'grace', 'it')), 'grace', 'milliseconds, 0 or more');
  if (get(top, 'concurrency', 'it') !== null) checkConcurrency(object(top.concurrency, 'concurrency'));
  checkRoute(get(top, 'default', 'it'), 'default');
  for (const [name, route] of Object.entries(object(get(top, 'routes', 'it'), 'routes'))) {
    checkRoute(route, `routes[${name}]`);
  }
  return top;
}

/** Return the names of all upstreams that a checked behaviour can call, each with the protocol it is called in. */
export function called(behaviour) {
  const names = new Map();
  for (const route of [behaviour.default, ...Object.values(behaviour.routes)]) {
    for (const first of route.steps.flatMap((step) => step.parallel)) {
      for (let call = first; call; call = call.on_failure.call) names.set(call.to, call.protocol);
    }
  }
  return names;
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadInput(`BEHAVIOUR is not JSON: ${error.message}`);
  }
}

function checkConcurrency(value) {
  integer(value, 'limit', 'concurrency', 1);
  integer(value, 'queue', 'concurrency', 0);
  integer(value, 'shed', 'concurrency', 200, 599);
}

function checkRoute(value, where) {
  const route = object(value, where);
  route.work = knots(get(route, 'work', where), `${where}.work`);
  list(get(route, 'steps', where), `${where}.steps`).forEach((step, number) => {
    const place = `${where}.steps[${number}]`;
    const calls = list(get(object(step, place), 'parallel', place), `${place}.parallel`);
    calls.forEach((call, index) => checkCall(call, `${place}.parallel[${index}]`));
  });
  const answer = object(get(route, 'answer', where), `${where}.answer`);
  integer(answer, 'status', `${where}.answer`, 200, 599);
  integer(answer, 'bytes', `${where}.answer`, 0);
}

function knots(value, where) {
  if (value === null) return [];
  const sorted = Object.entries(object(value, where)).map(([percent, ms]) => [Number(percent), ms]);
  sorted.sort(([a], [b]) => a - b);
  const rising = sorted.every(([percent], i) => i === 0 || percent > sorted[i - 1][0]);
  const ends = sorted.length > 1 && sorted[0][0] === 0 && sorted.at(-1)[0] === 100;
  const wanted = 'null or percent -> milliseconds with knots 0 and 100';
  need(ends && rising && sorted.every(([, ms]) => isAmount(ms)), where, wanted);
  return sorted;
}

function checkCall(value, where) {
  const call = object(value, where);
  for (const key of ['to', 'method']) {
    need(isText(get(call, key, where)) && call[key] !== '', `${where}.${key}`, 'a text');
  }
  need(['http', 'grpc'].includes(get(call, 'protocol', where)), `${where}.protocol`, "'http' or 'grpc'");
  need(isText(get(call, 'path', where)) && /^\/[!-~]*$/.test(call.path), `${where}.path`, 'a path of visible ASCII from /');
  const timeout = get(call, 'timeout', where);
  need(timeout === null || (isAmount(timeout) && timeout > 0), `${where}.timeout`, 'null or more than 0 ms');
  integer(call, 'retries', where, 0);
  need(isAmount(get(call, 'pause', where)), `${where}.pause`, 'milliseconds, 0 or more');
  checkOnFailure(object(get(call, 'on_failure', where), `${where}.on_failure`), `${where}.on_failure`);
}

function checkOnFailure(value, where) {
  const kind = get(value, 'kind', where);
  const kinds = ['fail', 'ignore', 'default', 'stale', 'call'];
  need(kinds.includes(kind), `${where}.kind`, 'fail, ignore, default, stale or call');
  if (kind === 'fail') {
    integer(value, 'status', where, 200, 599);
    need(list(get(value, 'keep', where), `${where}.keep`).every(Number.isInteger), `${where}.keep`, 'a list of statuses');
  }
  if (['default', 'stale', 'call'].includes(kind)) need(isText(get(value, 'name', where)), `${where}.name`, 'a text');
  if (kind === 'default') get(value, 'answer', where);
  if (kind === 'call') checkCall(get(value, 'call', where), `${where}.call`);
}

function need(holds, where, wanted) {
  if (!holds) throw new BadInput(`BEHAVIOUR: ${where} must be ${wanted}`);
}

function get(value, key, where) {
  if (!Object.hasOwn(value, key)) throw new BadInput(`BEHAVIOUR: ${where} lacks '${key}'`);
  return value[key];
}

function object(value, where) {
  need(typeof value === 'object' && value !== null && !Array.isArray(value), where, 'an object');
  return value;
}

function list(value, where) {
  need(Array.isArray(value), where, 'a list');
  return value;
}

function integer(value, key, where, least, most = MOST) {
  const number = get(value, key, where);
  const wanted = `a whole number from ${least}${most < MOST ? ` to ${most}` : ''}`;
  need(Number.isInteger(number) && least <= number && number <= most, `${where}.${key}`, wanted);
}

const isText = (value) => typeof value === 'string';
const isAmount = (value) => typeof value === 'number' && value >= 0;
