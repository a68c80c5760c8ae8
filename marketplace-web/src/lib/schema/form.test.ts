// From a schema to a form, from a form to JSON, and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '$lib/api/types';
import { blank, choose, draftOf, fileIds, toJson, type Draft, type Files } from './draft';
import { below, faultsOf } from './faults';
import { fieldOf, type Field } from './field';

const REQUEST: Schema = {
  type: 'object',
  additionalProperties: false,
  required: ['url', 'kind'],
  properties: {
    url: { type: 'string', minLength: 1 },
    kind: { enum: ['get', 'put'] },
    size: { type: ['integer', 'null'], minimum: 0, default: null },
    quote: { type: 'string', default: '"' },
    header: { type: 'boolean', default: true },
    strict: { type: 'boolean' },
    query: { type: 'object', additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
    rows: { type: 'array', items: { $ref: '#/$defs/row' } },
    mode: { $ref: '#/$defs/mode', default: 'a' },
    body: { anyOf: [{ $ref: '#/$defs/body' }, { type: 'null' }] },
    free: {},
  },
  $defs: {
    row: {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, next: { $ref: '#/$defs/row' } },
    },
    mode: { oneOf: [{ const: 'a', description: 'The first.' }, { const: 'b' }] },
    body: {
      oneOf: [
        { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
        { type: 'object', required: ['file'], properties: { file: { $ref: '#/$defs/file' } } },
        { type: 'object', required: ['kind', 'n'], properties: { kind: { const: 'number' }, n: { type: 'number' } } },
      ],
    },
    file: { type: 'object', required: ['$file'], properties: { $file: { type: 'string' } } },
  },
};

const field = fieldOf(REQUEST);

function part(draft: Draft, name: string): Draft {
  assert.ok(field.kind === 'object');
  const found = draft.parts[field.properties.findIndex((property) => property.name === name)];
  assert.ok(found, name);
  return found;
}

function kinds(field: Field): Record<string, string> {
  assert.ok(field.kind === 'object');
  return Object.fromEntries(field.properties.map(({ name, field }) => [name, field.kind]));
}

const json = (draft: Draft, files: Files = new Map()) => toJson(field, draft, true, files);

test('each value of a schema has its kind of field', () => {
  assert.deepEqual(kinds(field), {
    url: 'text',
    kind: 'choice',
    size: 'number',
    quote: 'text',
    header: 'boolean',
    strict: 'boolean',
    query: 'map',
    rows: 'list',
    mode: 'choice',
    body: 'variants',
    free: 'json',
  });
  assert.ok(field.kind === 'object');
  const rows = field.properties.find(({ name }) => name === 'rows')?.field;
  assert.ok(rows?.kind === 'list');
  assert.deepEqual(kinds(rows.items), { name: 'text', next: 'json' }, 'what speaks of itself ends as JSON');
  const body = field.properties.find(({ name }) => name === 'body')?.field;
  assert.ok(body?.kind === 'variants' && body.nullable);
  assert.deepEqual(
    body.variants.map(({ text }) => text),
    ['text', 'file', 'number'],
  );
});

test('what a form has no words for is JSON', () => {
  for (const schema of [
    true,
    { type: 'object', patternProperties: { '^x': {} } } as Schema,
    { type: 'object', if: {}, then: {} } as Schema,
    { allOf: [{ type: 'object' }, { type: 'object' }] },
    { $ref: 'https://elsewhere.example/schema' },
    { type: 'array', items: [{}] } as unknown as Schema,
  ].map((schema) => ({ type: 'object', properties: { value: schema } }) as Schema)) {
    const value = fieldOf(schema);
    assert.ok(value.kind === 'object');
    const kind = value.properties[0]?.field;
    assert.ok(kind?.kind === 'json' || (kind?.kind === 'list' && kind.items.kind === 'json'), JSON.stringify(schema));
  }
  assert.equal(fieldOf({ type: 'object' }).kind, 'object', 'an operation that takes nothing');
  assert.equal(fieldOf({ type: 'object', additionalProperties: true }).kind, 'json');
  // Schemas that multiply come to an end.
  const $defs = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [
      `a${n}`,
      {
        type: 'object',
        properties: Object.fromEntries('pqrs'.split('').map((p) => [p, { $ref: `#/$defs/a${n + 1}` }])),
      } as Schema,
    ]),
  );
  assert.equal(fieldOf({ $ref: '#/$defs/a0', $defs }).kind, 'object');
});

test('a form says what was filled in, and what holds anyway it leaves out', () => {
  const draft = blank(field, true);
  part(draft, 'url').text = 'https://a.example';
  part(draft, 'kind').choice = 1;
  assert.equal(json(draft), '{"url":"https://a.example","kind":"put"}');
  assert.equal(part(draft, 'quote').text, '"', 'what holds anyway stands there');

  part(draft, 'size').text = '18446744073709551615';
  part(draft, 'quote').text = '';
  part(draft, 'header').choice = 0;
  part(draft, 'strict').choice = 0;
  part(draft, 'mode').choice = 1;
  part(draft, 'free').text = ' {"x": 1.0} ';
  assert.equal(
    json(draft),
    '{"url":"https://a.example","kind":"put","size":18446744073709551615,"quote":"","header":false,"strict":false,' +
      '"mode":"b","free":{"x": 1.0}}',
  );
});

test('numbers are written as JSON has them', () => {
  const number = fieldOf({ type: 'object', properties: { n: { type: 'number' } } });
  const draft = blank(number, true);
  for (const [typed, written] of [
    ['1.50', '1.50'],
    ['.5', '0.5'],
    ['1E3', '1E3'],
    ['-0', '-0'],
    ['007', '7'],
    ['many', '"many"'],
  ]) {
    assert.ok(draft.parts[0] && typed);
    draft.parts[0].text = typed;
    assert.equal(toJson(number, draft, true, new Map()), `{"n":${written}}`);
  }
});

test('shapes, lists, names and files', () => {
  const draft = blank(field, true);
  part(draft, 'url').text = 'u';
  part(draft, 'kind').choice = 0;
  assert.ok(field.kind === 'object');
  const of = (name: string) => field.properties.find((property) => property.name === name)!.field;
  const [query, rows, body] = [of('query'), of('rows'), of('body')];
  assert.ok(query.kind === 'map' && rows.kind === 'list' && body.kind === 'variants');

  const value = blank(query.values, true);
  assert.ok(value.parts[0]);
  value.parts[0].text = 'x';
  Object.assign(part(draft, 'query'), { names: ['a'], parts: [value] });
  const row = blank(rows.items, true);
  assert.ok(row.parts[0]);
  row.parts[0].text = 'ada';
  part(draft, 'rows').parts = [row];
  choose(body, part(draft, 'body'), 1);
  const file = new File(['1'], 'a.csv');
  const chosen = part(draft, 'body').parts[0]?.parts[0];
  assert.ok(chosen);
  chosen.file = file;

  const files: Files = new Map();
  const said = JSON.parse(json(draft, files) ?? '');
  assert.deepEqual(said, {
    url: 'u',
    kind: 'get',
    query: { a: 'x' },
    rows: [{ name: 'ada' }],
    body: { file: { $file: 'file1' } },
  });
  assert.equal(files.get('file1'), file);
  assert.deepEqual(fileIds(said), ['file1']);

  // And back: the same, its file too.
  const again = draftOf(field, said, files);
  assert.ok(again);
  assert.deepEqual(JSON.parse(json(again, new Map()) ?? ''), said);
  choose(body, part(draft, 'body'), 2);
  const tagged = part(draft, 'body').parts[0];
  assert.ok(tagged?.parts[1]);
  tagged.parts[1].text = '3';
  assert.deepEqual(JSON.parse(json(draft) ?? '').body, { kind: 'number', n: 3 }, 'a tag needs no filling in');
});

test('a value that a form has no place for is not squeezed into it', () => {
  const whole = { url: 'u', kind: 'get' };
  assert.ok(draftOf(field, whole, new Map()));
  for (const more of [
    { other: 1 },
    { kind: 'post' },
    { url: 7 },
    { size: 2 ** 60 },
    { size: 1.5 },
    { rows: [{ name: 'a', surname: 'b' }] },
    { body: { text: 'x', file: { $file: 'a' } } },
    { query: { a: [] } },
  ]) {
    assert.equal(draftOf(field, { ...whole, ...more }, new Map()), undefined, JSON.stringify(more));
  }
  assert.equal(draftOf(field, [], new Map()), undefined);
});

test('what the server says is wrong stands at its place', () => {
  const faults = faultsOf([
    { pointer: '/url', detail: 'value is not a string' },
    { pointer: '', detail: 'Additional properties are not allowed' },
    { pointer: '/url', detail: 'too short' },
  ]);
  assert.deepEqual(
    [...faults],
    [
      ['/url', ['value is not a string', 'too short']],
      ['', ['Additional properties are not allowed']],
    ],
  );
  assert.equal(below('/a', 'b/c~d'), '/a/b~1c~0d');
});
