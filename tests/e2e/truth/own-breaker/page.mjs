// A page that asks two services, each behind a breaker of its own: four failures in a row open it for 600 ms, then one
// trial call is made. The breaker of `blind` counts only answers of 500 and more; what never answers does not count.
import http from "node:http";

class Breaker {
  failures = 0;
  opened = 0;

  constructor(countsTimeouts) {
    this.countsTimeouts = countsTimeouts;
  }

  refuses() {
    if (this.failures < 4 || Date.now() < this.opened + 600) return this.failures >= 4;
    this.opened = Date.now(); // this request is the trial
    return false;
  }

  ended(failed) {
    this.failures = failed ? this.failures + 1 : 0;
    if (this.failures === 4) this.opened = Date.now();
  }
}

async function ask(url, breaker, headers) {
  if (breaker.refuses()) return false;
  try {
    const reply = await fetch(url, { headers: { baggage: headers.baggage ?? "" }, signal: AbortSignal.timeout(200) });
    await reply.text();
    breaker.ended(reply.status >= 500);
    return reply.ok;
  } catch {
    breaker.ended(breaker.countsTimeouts);
    return false;
  }
}

const breakers = { "/seeing": new Breaker(true), "/blind": new Breaker(false) };
const urls = { "/seeing": process.env.SEEING_URL, "/blind": process.env.BLIND_URL };

http
  .createServer(async (request, response) => {
    const known = breakers[request.url];
    const good = !known || (await ask(urls[request.url], known, request.headers));
    response.writeHead(200, good ? {} : { "x-testbed-fallback": "old" }).end("page");
  })
  .listen(Number(process.env.PORT), process.env.ADDR);
