// A web service that asks pricing, and knows nothing of the context of a request.
import http from "node:http";

const server = http.createServer(async (request, response) => {
  const reply = await fetch(process.env.PRICING_URL);
  response.writeHead(reply.status).end(await reply.text());
});
server.listen(process.env.PORT, process.env.ADDR);
