// The walkthrough's hello-world application: answers every request with HW_RESPONSE, and /ping for health checks.
import { createServer } from "node:http";

const port = Number(process.env.PORT ?? 9080);
const response = process.env.HW_RESPONSE ?? "hello";
let ending = false;

const server = createServer((request, answer) => {
  request.resume();
  answer.setHeader("content-type", "text/plain; charset=utf-8");
  if (ending) answer.setHeader("connection", "close");
  answer.end(request.url === "/ping" ? "pong" : response);
});

// Node closes idle connections after 5 seconds, perhaps just when the proxy in front sends a request on one.
server.keepAliveTimeout = 75_000;
server.listen(port, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${port}`));

// Requests under way are answered before the process ends.
process.on("SIGTERM", () => {
  ending = true;
  server.close(() => process.exit(0));
});
