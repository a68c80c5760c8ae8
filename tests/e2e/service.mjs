// A service for connectors to call: it has an item with a long number, a slow corner, and a bad temper.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';

/** `tls`: the key and the certificate that it has, if it is spoken to over https. */
export async function serve(tls) {
  const [seen, credentials] = [[], []];
  const answer = (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    credentials.push(request.headers.authorization);
    request.on('close', () => request.url === '/slow' && seen.push('gone'));
    if (request.url === '/slow') return;
    response.writeHead(request.url === '/wrong' ? 404 : 200, { 'content-type': 'application/json' });
    response.end('{"items":[{"id":12345678901234567890,"name":"loom"}]}');
  };
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    seen,
    /** What each request had for `authorization`. */
    credentials,
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

/** An authority, and what it certifies for this machine's own address. */
export function certified(folder) {
  mkdirSync(folder, { recursive: true });
  const at = (name) => join(folder, name);
  const openssl = (...words) => execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const fresh = (name) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at(name)];
  openssl('req', '-x509', ...fresh('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', '/CN=stories');
  openssl('req', ...fresh('key.pem'), '-out', at('request.pem'), '-subj', '/CN=127.0.0.1');
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
  const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('names')];
  openssl('x509', '-req', '-in', at('request.pem'), '-out', at('cert.pem'), ...by);
  return { authority: at('ca.pem'), tls: { key: readFileSync(at('key.pem')), cert: readFileSync(at('cert.pem')) } };
}
