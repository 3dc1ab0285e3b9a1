// The official client, in the three ways it may travel.
import { io } from './packages.mjs';
import { event, slow, within } from './wait.mjs';

export const modes = {
  polling: { transports: ['polling'], upgrade: false },
  websocket: { transports: ['websocket'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

const open = new Set();

/** A client on a connection of its own; not yet connected when this returns. */
export function client(server, mode = 'websocket', options = {}) {
  const { nsp = '', ...rest } = options;
  const socket = io(`${server.http}${nsp}`, { ...modes[mode], forceNew: true, reconnection: false, ...rest });
  open.add(socket);
  return socket;
}

/** Resolves when it is connected (and, for "upgrade", talks over the WebSocket). */
export async function connected(server, mode, options) {
  const socket = client(server, mode, options);
  await joined(socket);
  if (mode === 'upgrade') await upgraded(socket);
  return socket;
}

export function joined(socket) {
  if (socket.connected) return Promise.resolve(socket);
  const settled = new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('connect_error', reject);
  });
  return within(settled, 'the client to connect');
}

/** Like joined(), but attempts may fail on the way: it is the client's business to try again. */
export function rejoined(socket) {
  return socket.connected ? Promise.resolve() : event(socket, 'connect');
}

export function upgraded(socket) {
  const { engine } = socket.io;
  if (engine.transport.name === 'websocket') return Promise.resolve();
  return event(engine, 'upgrade');
}

/** All arguments of the acknowledgement. */
export function ask(socket, name, ...args) {
  return new Promise((resolve, reject) => {
    socket.timeout(10_000 * slow).emit(name, ...args, (error, ...answer) =>
      error ? reject(new Error(`no acknowledgement of "${name}"`)) : resolve(answer),
    );
  });
}

/** Collects the arguments of an event; next() gives them one by one. */
export function collect(socket, name, channel) {
  socket.on(name, (...args) => channel.push(args));
  return channel;
}

/** Proof that everything sent before, by either side, has arrived. */
export const fence = (socket) => ask(socket, 'echo');

export function close_all() {
  for (const socket of open) {
    socket.removeAllListeners();
    socket.io.reconnection(false);
    socket.disconnect();
  }
  open.clear();
}
