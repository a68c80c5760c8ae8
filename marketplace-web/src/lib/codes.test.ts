// Whatever code a page can show has a line in docs/errors.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

test('every code that these pages make has a line in the docs', () => {
  const documented = readdirSync('../docs/errors')
    .map((page) => readFileSync(join('../docs/errors', page), 'utf8'))
    .join('\n');
  const made = new Set<string>();
  for (const path of readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\.(ts|svelte)$/.test(path) && !path.endsWith('.test.ts'),
  )) {
    const text = readFileSync(join('src', path), 'utf8');
    for (const [, code] of text.matchAll(
      /(?:new Refusal\(|same\(|new Problem\(0,|code: |error\.code : )\s*'([a-z0-9-]+)'/g,
    ))
      made.add(code ?? '');
  }
  assert.ok(made.size > 40, `${made.size} codes were found`);
  assert.deepEqual(
    [...made].filter((code) => !documented.includes(`\`${code}\``)),
    [],
  );
});
