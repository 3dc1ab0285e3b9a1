// The npm packages live in the build tree (VERDIN_MODULES names the folder that holds node_modules), these files in the
// source tree; an ES import only looks beside its own file, so they are required from there.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = process.env.VERDIN_MODULES || dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(join(home, 'package.json'));

export const { WebSocket, WebSocketServer } = require('ws');
export const { io, Manager } = require('socket.io-client');
/** Where the browser bundles of the official client are. */
export const client_bundles = join(require.resolve('socket.io-client').replace(/(.*node_modules.socket\.io-client).*/, '$1'), 'dist');
