// Plain HTTP for the tests: nothing is followed, normalised or retried, and a request can be cut.
import http from 'node:http';
import { within } from './wait.mjs';

const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

/** options: method, headers, body, chunks (sent one by one, so chunked), agent. The result has abort(); awaiting it gives {status, headers, octets, text, json()}. */
export function request(url, options = {}) {
  const { method = 'GET', headers = {}, body, chunks } = options;
  let outgoing;
  const answer = new Promise((resolve, reject) => {
    const length = body === undefined || chunks ? {} : { 'Content-Length': Buffer.byteLength(body) };
    outgoing = http.request(url, { method, headers: { ...length, ...headers }, agent: options.agent ?? agent }, (incoming) => {
      const parts = [];
      incoming.on('data', (part) => parts.push(part));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const octets = Buffer.concat(parts);
        const text = octets.toString('utf8');
        resolve({ status: incoming.statusCode, headers: incoming.headers, octets, text, json: () => JSON.parse(text) });
      });
    });
    outgoing.on('error', reject);
    if (chunks) for (const chunk of chunks) outgoing.write(chunk);
    outgoing.end(chunks ? undefined : body);
  });
  const bounded = within(answer, `the answer to ${method} ${url}`, options.ms);
  bounded.catch(() => {});
  bounded.abort = () => outgoing.destroy();
  /** Settles once the request has been handed to the kernel. */
  bounded.sent = new Promise((resolve) => outgoing.once('finish', resolve));
  return bounded;
}
