// The pages and the registry behind one address, as `jackfield serve` shows them where it mounts both. Used where it does not yet:
// JACKFIELD_TEST_MOUNTED=1 leaves it out.
//
// Sessions are made here the way that the registry makes them: a cookie that no script reads, and a header without which nothing is
// changed by it. Behind it stands a real token of the real registry.
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.json': 'application/json',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const IS_API = /^\/(v1|v2|log|\.well-known)\/|^\/(v2|openapi\.json|healthz|readyz)$/;

/** Serves both on a port of loopback; gives its address, and what stops it. */
export async function front(upstream, build) {
  const sessions = new Map();
  const server = createServer((request, response) => {
    answer(request, response, upstream, build, sessions).catch((error) => {
      response.writeHead(502).end(String(error));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) };
}

async function answer(request, response, upstream, build, sessions) {
  const url = new URL(request.url, 'http://front');
  const session = sessions.get(/(?:^|; )jf_session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]);
  const changes = !['GET', 'HEAD'].includes(request.method);
  if (changes && (session || url.pathname === '/v1/session') && request.headers['x-jackfield-csrf'] !== '1') {
    return problem(response, 403, 'csrf-header-missing', 'the header X-Jackfield-CSRF is missing');
  }
  if (url.pathname === '/v1/session' && request.method === 'POST') {
    const answered = await fetch(`${upstream}/v1/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: await bodyOf(request) });
    if (!answered.ok) {
      return response.writeHead(answered.status, { 'content-type': 'application/problem+json' }).end(Buffer.from(await answered.arrayBuffer()));
    }
    const id = randomBytes(24).toString('base64url');
    sessions.set(id, await answered.json());
    return response.writeHead(204, { 'set-cookie': `jf_session=${id}; Path=/; HttpOnly; SameSite=Strict` }).end();
  }
  if (url.pathname === '/v1/session' && request.method === 'DELETE') {
    if (session) {
      await fetch(`${upstream}/v1/tokens/${session.id}`, { method: 'DELETE', headers: { authorization: `Bearer ${session.token}` } });
      for (const [id, value] of sessions) if (value === session) sessions.delete(id);
    }
    return response.writeHead(204, { 'set-cookie': 'jf_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict' }).end();
  }
  if (IS_API.test(url.pathname)) return pass(request, response, upstream, session);
  return page(request, response, build, url.pathname);
}

function pass(request, response, upstream, session) {
  const headers = { ...request.headers, ...(session ? { authorization: `Bearer ${session.token}` } : {}) };
  delete headers.cookie;
  const passed = ask(`${upstream}${request.url}`, { method: request.method, headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.headers);
    answered.pipe(response);
  });
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  request.pipe(passed);
}

function page(request, response, build, pathname) {
  const path = normalize(join(build, decodeURIComponent(pathname)));
  const isFile = path.startsWith(build) && existsSync(path) && statSync(path).isFile() && !path.endsWith('.html');
  if (!isFile && !(request.headers.accept ?? '').includes('text/html')) return problem(response, 404, 'route-not-found', `there is nothing at \`${pathname}\``);
  let file = isFile ? path : join(build, 'index.html');
  const headers = {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer', 'cache-control': pathname.startsWith('/_app/immutable/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (existsSync(`${file}.gz`) && (request.headers['accept-encoding'] ?? '').includes('gzip')) {
    file = `${file}.gz`;
    headers['content-encoding'] = 'gzip';
  }
  headers['content-length'] = statSync(file).size;
  response.writeHead(200, headers);
  createReadStream(file).pipe(response);
}

function problem(response, status, code, detail) {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ status, code, detail, title: code, type: `https://jackfield.dev/errors/${code}` }));
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}
