// Node's socket.io doing what bench/socketio_server does: `echo` acks its arguments, or emits them back as `echo`
// where no ack is asked; `cast` emits its arguments as `cast` to everybody; `enter` joins a room, `room` emits its
// arguments to that as `cast`.
import { createServer } from "node:http";
import { parseArgs } from "node:util";

import { Server } from "socket.io";

const { values } = parseArgs({ options: { port: { type: "string" } } });

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, httpCompression: false });

io.on("connection", (socket) => {
  socket.on("echo", (...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (ack) ack(...args);
    else socket.emit("echo", ...args);
  });
  socket.on("cast", (...args) => io.emit("cast", ...args));
  socket.on("enter", (ack) => {
    socket.join("hall");
    ack();
  });
  socket.on("room", (...args) => io.to("hall").emit("cast", ...args));
});

http.listen({ port: Number(values.port), host: "127.0.0.1", backlog: 1024 });
