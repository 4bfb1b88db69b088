// Asks pricing for each request. Beside that it polls pricing (POLL_MS), and waits all the time for news of the
// configuration (with WATCHES=later only from the first request on). With FORGETS=half every second call of a request
// lacks the request's headers, with FORGETS=all every call.
import http from "node:http";

const { ADDR, PORT, PRICING_URL, CONFIG_URL, POLL_MS, FORGETS, WATCHES } = process.env;
let served = 0;
let watching = WATCHES !== "later";

async function ask(url, headers = {}) {
  const reply = await fetch(url, { headers });
  if (!reply.ok) return "";
  return reply.text();
}

async function watch() {
  for (;;) await ask(`${CONFIG_URL}/watch`).catch(() => new Promise((done) => setTimeout(done, 50)));
}

if (POLL_MS) setInterval(() => ask(PRICING_URL).catch(() => {}), Number(POLL_MS));
if (CONFIG_URL && watching) watch();

http
  .createServer(async (request, response) => {
    if (!watching) watching = Boolean(watch());
    const forgotten = FORGETS === "all" || (FORGETS === "half" && served++ % 2);
    const known = forgotten ? {} : { baggage: request.headers.baggage ?? "" };
    const text = await ask(PRICING_URL, known).catch(() => "");
    response.writeHead(text ? 200 : 502).end(text);
  })
  .listen(Number(PORT), ADDR);
