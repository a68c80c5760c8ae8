// Grants, bills and fixes, as far as they are thought and not shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Manifest } from '$lib/api/types';
import type { Bill } from '$lib/api/workspace';
import { billInWords, duration } from './bill';
import { curl } from './curl';
import { asGrant, destinations, grantInWords, hostOf } from './egress';
import { fixOf, kindOf } from './fix';
import { amount, wishOf } from './limits';
import { START_BYTES, START_LINES, startOf } from './start';

const HREF = '/v1/workspaces/main/installations/acme/crm';

test('only what changes this very installation is carried out', () => {
  const egress = `POST ${HREF}/grant {"egress":"GET https://api.example.com"}`;
  assert.deepEqual([fixOf(egress, HREF)?.says, fixOf(egress, HREF)?.needs], ['GET https://api.example.com', 'grant']);
  assert.equal(fixOf(`PUT ${HREF}/enabled {"enabled":true}`, HREF)?.needs, 'switch');
  assert.equal(fixOf(`PUT ${HREF}/grant {"operations":["list","get"]}`, HREF)?.says, 'the operations list, get');
  for (const no of [
    undefined,
    null,
    'jackfield connect acme:crm',
    `POST ${HREF}/grant {"egress":`,
    `PUT ${HREF}/grant {"limits":{}}`,
    `PUT ${HREF}/enabled {"enabled":false}`,
    `DELETE ${HREF} {}`,
    `POST /v1/workspaces/main/installations/acme/other/grant {"egress":"GET https://a.example"}`,
    `POST /v1/workspaces/main/tokens {"egress":"GET https://a.example"}`,
    `POST https://evil.example${HREF}/grant {"egress":"GET https://a.example"}`,
  ])
    assert.equal(fixOf(no, HREF), undefined, String(no));
});

test('what is to be copied is told from what is to be read', () => {
  const kinds = [
    "jackfield grant acme:crm --allow 'GET https://a.example'",
    `PUT ${HREF}/grant {}`,
    '[[egress]]\nhost = "a.example"',
    'send the request over https',
    '',
  ].map(kindOf);
  assert.deepEqual(kinds, ['command', 'request', 'lines', undefined, undefined]);
});

test('what is asked for meets what is granted', () => {
  const asked = [
    { host: 'api.example.com', reason: 'a' },
    { host: '{hosts}', methods: 'any' as const, ports: 'any' as const, reason: 'b' },
    { host: '*.example.com', methods: ['POST'], ports: [443, 8443], reason: 'c' },
  ];
  assert.deepEqual(asked.map(asGrant), [
    'GET,HEAD https://api.example.com',
    '* https://{hosts}:*',
    'POST https://*.example.com:443,8443',
  ]);
  const lines = destinations(asked, [
    'GET http://127.0.0.1:8080',
    '* https://{hosts}:*',
    'GET https://api.example.com',
  ]);
  assert.deepEqual(
    lines.map(({ on, text, at }) => [on, text, at]),
    [
      [true, 'GET https://api.example.com', 0],
      [true, '* https://{hosts}:*', 1],
      [false, 'POST https://*.example.com:443,8443', 2],
      [true, 'GET http://127.0.0.1:8080', -1],
    ],
  );
  assert.deepEqual(['GET https://[::1]:80', 'https://a.example via 10.0.0.0/8', '* http://{hosts}:*'].map(hostOf), [
    '[::1]',
    'a.example',
    '{hosts}',
  ]);
  const grant = { egress: ['GET https://a.example'], operations: ['get'], limits: {}, config: {}, credentials: {} };
  assert.equal(grantInWords(grant), 'It may reach a.example; only 1 of its operations may be called.');
  assert.equal(
    grantInWords({ ...grant, egress: [], operations: null }),
    'It reaches nobody; all that it does may be called.',
  );
});

test('a limit in words, and what a manifest wishes', () => {
  const wishes = { time_ms: 120_000 };
  assert.deepEqual(
    [wishOf('time-ms', wishes), wishOf('requests', wishes), wishOf('fuel')],
    [120_000, undefined, undefined],
  );
  assert.deepEqual(
    [amount('ms', 1_500), amount('bytes', 64 << 20), amount('units of fuel', 1e9), amount('calls', 32)],
    ['1,500\u00a0ms', '64\u00a0MiB', '1B\u00a0units of fuel', '32'],
  );
});

test('a bill in words', () => {
  const none: Bill = {
    fuel: 20_359,
    peak_memory_bytes: 1_118_128,
    wall_us: 8_785,
    host_us: 666,
    instance_us: 228,
    host_calls: 17,
    http_requests: 0,
    http_denied: 1,
    http_bytes_out: 0,
    http_bytes_in: 0,
    file_bytes_in: 0,
    file_bytes_out: 0,
    log_lines: 0,
  };
  assert.deepEqual(billInWords(none), [
    ['Time', '8.8\u00a0ms, 0.7\u00a0ms of it outside the sandbox'],
    ['Computing', '20,359 units of fuel'],
    ['Memory', '1.1\u00a0MiB at the most'],
    ['Requests', 'none sent; 1 denied'],
  ]);
  assert.deepEqual(
    billInWords({ ...none, http_requests: 2, http_denied: 0, file_bytes_in: 3, log_lines: 1 }).slice(3),
    [
      ['Requests', '2 sent, with 0\u00a0bytes out and 0\u00a0bytes in'],
      ['Files', '3\u00a0bytes read, 0\u00a0bytes written'],
      ['Log', '1 line'],
    ],
  );
  assert.deepEqual([999_999, 1_234_567, 61_000_000].map(duration), ['1000\u00a0ms', '1.2\u00a0s', '61\u00a0s']);
  // In a try nothing is sent.
  const tried = (http_requests: number, answers: 'recording' | 'nobody') =>
    billInWords({ ...none, http_requests, http_denied: 0 }, answers)[3]?.[1];
  assert.deepEqual(
    [tried(0, 'recording'), tried(1, 'recording'), tried(2, 'nobody')],
    ['none', '1 request, answered by the recording', '2 requests, not all of them on the recording'],
  );
});

test('a program’s call, with its quotes and its files', () => {
  const manifest = {
    examples: [
      { operation: 'a', input: { says: "it's" } },
      { operation: 'b', input: { file: { $file: 'x' } } },
    ],
  } as Manifest;
  const of = (name: string) => curl('http://h/v1', manifest, { name } as Manifest['operations'][number]);
  assert.match(of('a'), /-d '\{"says":"it'\\''s"\}' \\\n {4}http:\/\/h\/v1$/);
  assert.match(of('b'), /-F 'input=\{"file":\{"\$file":"x"\}\}' \\\n {4}-F 'x=@FILE'/);
  assert.match(of('c'), /-d '\{\}'/);
});

test('how a file begins is shown where it is text, as far as it is whole', () => {
  const file = (content: string | Buffer, name = 'rows', media_type = 'text/csv') => {
    const bytes = Buffer.from(content);
    return { id: 'file-1', name, media_type, bytes: bytes.length, base64: bytes.toString('base64') };
  };
  assert.deepEqual(startOf(file('a,b\n1,2\n')), { text: 'a,b\n1,2', more: false });
  const lines = (n: number) => Array.from({ length: n }, (_, at) => `${at}\n`).join('');
  assert.equal(startOf(file(lines(START_LINES)))?.more, false);
  const many = startOf(file(lines(START_LINES + 1)));
  assert.deepEqual([many?.text.split('\n').length, many?.more], [START_LINES, true]);
  // Four bytes of UTF-8 are nowhere cut in two.
  const long = startOf(file(`a${'🧵'.repeat(2_000)}`));
  assert.equal(long?.text, `a${'🧵'.repeat((START_BYTES >> 2) - 1)}`);
  assert.equal(startOf(file('x'.repeat(START_BYTES)))?.more, false);
  assert.equal(startOf(file('x'.repeat(START_BYTES + 1)))?.more, true);
  for (const type of ['application/json', 'application/x-ndjson', 'application/ld+json', 'text/plain; charset=utf-8'])
    assert.ok(startOf(file('{}', 'rows', type)), type);
  assert.ok(startOf(file('{}', 'rows.jsonl', 'application/octet-stream')));
  for (const no of [file('x', 'a.png', 'image/png'), file(Buffer.from([0xff, 0xfe])), file('a\0b'), file('')])
    assert.equal(startOf(no), undefined);
});
