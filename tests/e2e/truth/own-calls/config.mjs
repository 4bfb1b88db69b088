// A configuration that never changes: who waits for news is answered after a minute.
import http from "node:http";

http
  .createServer((request, response) => setTimeout(() => response.end("none"), request.url === "/watch" ? 60_000 : 0))
  .listen(Number(process.env.PORT), process.env.ADDR);
