// What the build needs before it is served: no inline script, and a smaller copy of all that is text.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const BUILD = 'build';
/** Below it, headers weigh more than what is saved. */
const COMPRESSED_FROM_BYTES = 1024;
/** Bytes, compressed, that a first visit may cost. */
const FIRST_PAGE_BYTES = 100 * 1000;

const page = join(BUILD, 'index.html');
let html = readFileSync(page, 'utf8');

// SvelteKit starts the app by an inline script. The policy allows none, so it moves to a file that is named by its content.
let moved = 0;
html = html.replace(/<script>([\s\S]*?)<\/script>/g, (_, script) => {
  const name = `_app/immutable/start.${createHash('sha256').update(script).digest('base64url').slice(0, 8)}.js`;
  writeFileSync(join(BUILD, name), script.replace(/^\t+/gm, '').trim());
  moved += 1;
  return `<script src="/${name}"></script>`;
});
writeFileSync(page, html);
if (moved !== 1) throw new Error(`expected one inline script in index.html, found ${moved}`);
if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i.test(html))
  throw new Error('index.html holds an inline script or style');

const files = readdirSync(BUILD, { recursive: true, encoding: 'utf8' })
  .map((path) => join(BUILD, path))
  .filter((path) => statSync(path).isFile());
/** Bytes that go over the line for a file, at most. */
const weight = new Map();
for (const path of files) {
  const bytes = readFileSync(path);
  weight.set(path, bytes.length);
  if (!/\.(html|js|css|svg|json)$/.test(path) || bytes.length < COMPRESSED_FROM_BYTES) continue;
  const gzip = gzipSync(bytes, { level: 9 });
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
  );
  weight.set(path, gzip.length);
}

// What index.html asks for by itself. What the first route adds, a story in tests/e2e weighs.
const named = [...html.matchAll(/(?:href|src)="\/([^"]+)"/g)].map((match) => join(BUILD, match[1]));
const first = [...new Set([page, ...named])].reduce((sum, path) => sum + weight.get(path), 0);
console.log(`index.html and what it names: ${(first / 1000).toFixed(1)} kB compressed`);
if (first > FIRST_PAGE_BYTES) throw new Error(`a first visit costs ${first} bytes: at most ${FIRST_PAGE_BYTES}`);
