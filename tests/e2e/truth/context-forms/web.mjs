// Hands on its context in another form with each request: in several lines, in capitals, beside 9 KB, percent-encoded.
import http from "node:http";

const FORMS = [
  (text) => ["baggage", ["shop=12", text, "colour=red"]],
  (text) => ["BAGGAGE", [text]],
  (text) => ["Baggage", [`big=${"x".repeat(9_000)},${text}`]],
  (text) => ["baggage", [text.replaceAll(".0", "%2E0").replaceAll("=u", "=%75")]],
];
let served = 0;

http
  .createServer((request, response) => {
    const [name, lines] = FORMS[served++ % FORMS.length](request.headers.baggage ?? "");
    const call = http.request(process.env.PRICING_URL, { agent: false });
    call.setHeader(name, lines);
    call.on("response", (reply) => response.writeHead(reply.statusCode) && reply.pipe(response));
    call.on("error", () => response.writeHead(502).end());
    call.end();
  })
  .listen(Number(process.env.PORT), process.env.ADDR);
