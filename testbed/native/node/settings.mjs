// The environment of the stub: its name, its address, its behaviour, its upstreams.
import { openSync } from 'node:fs';
import { BadInput, called, readBehaviour } from './behaviour.mjs';

const REQUIRED = ['ADDR', 'PORT', 'SERVICE', 'REPLICA', 'SEED', 'BEHAVIOUR'];

/** Where calls to one upstream go: `hosts` in turn, and what stands before the path in the request line. */
class Upstream {
  #hosts;
  #turn = 0;

  constructor(name, hosts, prefix = '') {
    this.name = name;
    this.prefix = prefix;
    this.#hosts = hosts;
  }

  /** Return the "ip:port" for the next try: round robin where there are several. */
  nextHost() {
    return this.#hosts[this.#turn++ % this.#hosts.length];
  }
}

/** Return the environment, checked. Throws `BadInput` for a variable that is missing or wrong. */
export function readSettings(env) {
  for (const name of REQUIRED) if (!env[name]) throw new BadInput(`${name} is not set`);
  for (const name of ['PORT', 'SEED']) {
    if (!/^-?\d+$/.test(env[name])) throw new BadInput(`${name} is not a whole number: ${env[name]}`);
  }
  const behaviour = readBehaviour(env.BEHAVIOUR);
  return {
    address: env.ADDR,
    port: port(env.PORT),
    service: env.SERVICE,
    replica: env.REPLICA,
    seed: env.SEED,
    behaviour,
    upstreams: new Map([...called(behaviour)].map(([name, protocol]) => [name, upstream(name, protocol, behaviour.wiring, env)])),
    attemptLog: openLog(env.ATTEMPT_LOG),
  };
}

function port(text) {
  const number = Number(text);
  if (number < 0 || number > 65535) throw new BadInput(`PORT is not a port: ${text}`);
  return number;
}

function upstream(name, protocol, wiring, env) {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const urls = env[`${variable}_URLS`];
  if (urls) return new Upstream(name, urls.split(',').map((url) => hostOf(`${variable}_URLS`, url)));
  if (protocol === 'grpc') {
    const address = env[`${variable}_ADDR`];
    return new Upstream(name, [hostOf(`${variable}_ADDR`, address && `http://${address}`)]);
  }
  if (wiring === 'proxy') return new Upstream(name, [hostOf('HTTP_PROXY', env.HTTP_PROXY)], `http://${name}`);
  return new Upstream(name, [hostOf(`${variable}_URL`, env[`${variable}_URL`])]);
}

function hostOf(name, url) {
  if (!url) throw new BadInput(`${name} is not set`);
  const parts = /^http:\/\/([^/]+:\d+)\/?$/.exec(url.trim());
  if (!parts) throw new BadInput(`${name} is not http://ip:port: ${url}`);
  return parts[1];
}

function openLog(path) {
  if (!path) return null;
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw new BadInput(`ATTEMPT_LOG cannot be written: ${error.message}`);
  }
}
