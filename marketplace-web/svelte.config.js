import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import adapter from '@sveltejs/adapter-static';

/** The same sources make the same build: it is named by what it is made of. */
function sources() {
  const hash = createHash('sha256').update(readFileSync('package-lock.json'));
  for (const path of readdirSync('src', { recursive: true, encoding: 'utf8' }).sort()) {
    if (statSync(join('src', path)).isFile()) hash.update(path).update(readFileSync(join('src', path)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** @type {import('@sveltejs/kit').Config} */
export default {
  compilerOptions: { runes: true },
  kit: {
    adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html' }),
    paths: { relative: false },
    version: { name: sources() },
    output: { preloadStrategy: 'modulepreload' },
  },
};
