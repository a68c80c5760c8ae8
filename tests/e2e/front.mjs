// The pages and the registry behind one address, as `jackfield serve` shows them where it mounts both. Used where it does not yet:
// JACKFIELD_TEST_MOUNTED=1 leaves it out.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const IS_API = /^\/(v1|v2|log|\.well-known)\/|^\/(v2|openapi\.json|healthz|readyz)$/;

/** Serves both on a port of loopback; gives its address, and what stops it. */
export async function front(upstream, build) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://front');
    if (IS_API.test(pathname)) pass(request, response, upstream);
    else page(request, response, build, pathname);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

function pass(request, response, upstream) {
  const passed = ask(`${upstream}${request.url}`, { method: request.method, headers: request.headers }, (answered) => {
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
  if (!isFile && !(request.headers.accept ?? '').includes('text/html'))
    return problem(response, 404, 'route-not-found', `there is nothing at \`${pathname}\``);
  let file = isFile ? path : join(build, 'index.html');
  const headers = {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': pathname.startsWith('/_app/immutable/') ? 'public, max-age=31536000, immutable' : 'no-cache',
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
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(
    JSON.stringify({
      status,
      code,
      detail,
      title: code,
      type: `https://jackfield.dev/errors/${code}`,
    }),
  );
}
