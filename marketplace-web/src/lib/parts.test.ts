// Small parts that pages lean on: schemas as rows, links of strangers, component bytes, words.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAskedFor, readComponent } from './component/read';
import { headingId, safeHref } from './markdown/links';
import { describe } from './schema/describe';
import { digestOf, fromHex, utf8 } from './verify/bytes';
import { Refusal } from './verify/refusal';
import { ago, bytes, hostInWords, hostsInWords, plural, who } from './words';

test('a schema is one row a value, references and alternatives included', () => {
  const rows = describe({
    type: 'object',
    required: ['rows'],
    properties: {
      rows: { type: 'array', minItems: 1, items: { $ref: '#/$defs/row' } },
      mode: { enum: ['a', 'b'], default: 'a' },
      either: { oneOf: [{ type: 'string' }, { type: 'integer' }] },
      size: { type: ['integer', 'null'], format: 'uint64', minimum: 0, maximum: 9 },
      more: { type: 'object', additionalProperties: { type: 'object', properties: { x: { const: 1 } } } },
    },
    $defs: {
      row: { type: 'object', properties: { name: { type: 'string', maxLength: 1 }, next: { $ref: '#/$defs/row' } } },
    },
  });
  const row = (path: string) => rows.find((row) => row.path === path);
  assert.deepEqual(
    [row('rows')?.type, row('rows')?.required, row('rows')?.bounds],
    ['object[]', true, ['at least 1 item']],
  );
  assert.deepEqual(row('rows[].name')?.bounds, ['at most 1 character']);
  assert.deepEqual([row('mode')?.type, row('mode')?.fallback], ['"a" | "b"', 'a']);
  assert.equal(row('either')?.type, 'string | integer');
  assert.deepEqual(row('size')?.bounds, ['0 to 9']);
  assert.equal(row('more.*.x')?.type, '1');
  // One that speaks of itself comes to an end.
  assert.ok(rows.length < 40);
  assert.deepEqual(
    describe({ type: 'string' }).map((row) => row.path),
    [''],
  );
});

test('a README points to https, mail and itself, and nowhere else', () => {
  assert.equal(safeHref('https://a.example/x'), 'https://a.example/x');
  assert.equal(safeHref('#usage'), '#usage');
  for (const bad of [
    'javascript:alert(1)',
    ' JavaScript:alert(1)',
    'data:text/html,x',
    'http://a.example',
    '/account',
    '//a.example',
    'vbscript:x',
    '',
  ]) {
    assert.equal(safeHref(bad), undefined, bad);
  }
  assert.equal(headingId('Main & <More>'), 'readme-main-more');
});

test('component bytes are the ones that were asked for, and their texts are read', async () => {
  const component =
    fromHex(JSON.parse(readFileSync('../tests/vectors/publish.json', 'utf8')).component) ?? assert.fail();
  const read = await readComponent(component, await digestOf(component));
  assert.ok(read.sections.some((section) => section.what === 'custom: jackfield:manifest'));
  assert.ok(read.texts.some((text) => text.includes('acme:weather')));
  assert.equal(read.sections.reduce((sum, section) => sum + section.bytes, 0) < component.length, true);
  await assert.rejects(
    readComponent(component, await digestOf(utf8('other'))),
    (error: Refusal) => error.code === 'component-mismatch',
  );
  // Bytes that are no component still end.
  const noise = new Uint8Array(64).fill(0xff);
  assert.deepEqual((await readComponent(noise, await digestOf(noise))).texts, []);
  assert.ok(
    isAskedFor('a.b.example', ['*.b.example']) &&
      !isAskedFor('b.example', ['*.b.example']) &&
      !isAskedFor('xb.example', ['b.example']),
  );
});

test('words', () => {
  assert.deepEqual([plural(1, 'entry', 'entries'), plural(1200, 'entry', 'entries')], ['1 entry', '1,200 entries']);
  assert.deepEqual(
    [bytes(0), bytes(1023), bytes(1024), bytes(20 << 20)],
    ['0\u00a0bytes', '1023\u00a0bytes', '1.0\u00a0KiB', '20\u00a0MiB'],
  );
  assert.equal(ago('2026-01-01T00:00:00Z', Date.parse('2026-01-03T01:00:00Z')), '2 days ago');
  assert.deepEqual([who('user:ada'), who('system')], ['ada', 'system']);
});

test('a setting that stands for a host is called one, and a pattern too', () => {
  assert.equal(hostInWords('api.example.com'), '`api.example.com`');
  assert.equal(hostInWords('{api_host}'), 'the host that its setting `api_host` names');
  assert.equal(
    hostsInWords('sends requests to api.example.com and {api_host}.'),
    'sends requests to api.example.com and the host that its setting `api_host` names.',
  );
  assert.equal(
    hostsInWords('GET requests to the host that the setting `a` names, which must match ^[a-z]{2,9}$ on port 8443'),
    'GET requests to the host that the setting `a` names on port 8443; what is set there must fit the pattern `^[a-z]{2,9}$`',
  );
  assert.equal(hostsInWords('nothing'), 'nothing');
});
