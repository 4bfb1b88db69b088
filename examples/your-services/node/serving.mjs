// What the services in Node share: HTTP on ADDR and PORT, 200 with what a function resolves to, 503 if it fails.
import http from "node:http";

export function serve(answer) {
  const server = http.createServer(async (request, response) => {
    let status = 200;
    const text = await answer(request.url, request.headers.baggage ?? "").catch((error) => {
      status = 503;
      return String(error);
    });
    response.writeHead(status).end(text);
  });
  server.listen(process.env.PORT, process.env.ADDR);
}
