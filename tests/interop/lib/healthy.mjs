// A client that has done nothing wrong, on a thread of its own: asks every few milliseconds over one HTTP connection and over one
// WebSocket, and notes how long each answer took. Ends when it is told anything, and tells all the times (in milliseconds).
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { frame, kKey, kOpcode } from './raw.mjs';

const kPause = 4;  // ms
const times = [];
let over = false;
parentPort.once('message', () => (over = true));

/** Asks `octets` again and again; an answer is complete when `complete(octets so far)` says so. */
async function ask(socket, octets, complete) {
  while (!over) {
    const start = performance.now();
    let answer = '';
    const answered = new Promise((resolve, reject) => {
      const gone = () => reject(new Error('the server closed the connection of a client that did nothing wrong'));
      socket.once('close', gone);
      const take = (part) => {
        answer += part.toString('latin1');
        if (!complete(answer)) return;
        socket.off('data', take);
        socket.off('close', gone);
        resolve();
      };
      socket.on('data', take);
    });
    socket.write(octets());
    await answered;
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, kPause));
  }
}

const open = () => {
  const socket = connect({ port: workerData.port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  return socket;
};

async function over_http() {
  const socket = open();
  await ask(socket, () => 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello', (text) => text.endsWith('\r\n\r\nhello'));
  socket.destroy();
}

async function over_websocket() {
  const socket = open();
  socket.write(`GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${kKey}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  // A ping of the server's is not waited for: it is answered when it is there.
  const pong = frame(kOpcode.pong);
  await ask(socket, () => frame(kOpcode.text, 'hello'), (text) => {
    if (text.includes('\x89\x00')) socket.write(pong);
    return text.includes('\x81\x05hello');
  });
  socket.destroy();
}

Promise.all([over_http(), over_websocket()]).then(
  () => parentPort.postMessage({ times }),
  (error) => parentPort.postMessage({ times, error: error.message }),
);
