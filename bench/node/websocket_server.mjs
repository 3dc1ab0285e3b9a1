// Node's `ws` doing what bench/websocket_server does: every message is sent back.
import { parseArgs } from "node:util";

import { WebSocketServer } from "ws";

const { values } = parseArgs({ options: { port: { type: "string" } } });

const server = new WebSocketServer({
  port: Number(values.port),
  host: "127.0.0.1",
  backlog: 1024,
  perMessageDeflate: false,
});

server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on("error", () => socket.terminate());
});
