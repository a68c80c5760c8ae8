// What the console decides by itself: whether an audit log holds, and which request a button makes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Invocation } from '../api/workspace';
import { asNoted, checkChain } from './audit-chain';
import { fixOf } from './fix';
import { callerName, latency } from './says';

/** The first lines of the workspace `main` of a real server, as it exports them. */
const LINES = [
  '{"number":1,"at":1795883481199702,"caller":"user:operator","action":"install","target":"jackfield:csv","allowed":true,"detail":"wanted","hash":"a4160e885a3e2ec520fa05a5bd2e9bfa344b1de5eb0f9a0389accb175f54be0e"}',
  '{"number":2,"at":1795883483147058,"caller":"user:operator","action":"install","target":"jackfield:csv","allowed":true,"detail":"0.1.0 sha256:206993d25fec8dc7f5fef7b328a1204ed127f7a9e5c96e1709b8c5790b13be3e","hash":"12480409b4daeb3513d26c10f6f444b989571de8d31ac1831b31c110e8411b12"}',
  '{"number":3,"at":1795883483186501,"caller":"user:operator","action":"install","target":"jackfield:tracker","allowed":true,"detail":"wanted","hash":"02c96155a36f570ffb4b756b382dbd863693363f3bb76f26995612a393550adc"}',
];
const HASHES = LINES.map((line) => (JSON.parse(line) as { hash: string }).hash);

async function* pages(...texts: string[]) {
  for (const text of texts) yield `${text}\n`;
}

test('an audit log that a server wrote holds here, in one page or in many', async () => {
  const whole = { lines: 3, first: 1, newest: HASHES[2] };
  assert.deepEqual(await checkChain('main', pages(LINES.join('\n'))), whole);
  assert.deepEqual(await checkChain('main', pages(...LINES)), whole);
  assert.deepEqual(await checkChain('main', pages(...LINES), HASHES[1]), { ...whole, noted: 2 });
  assert.deepEqual(await checkChain('main', pages(...LINES), 'f'.repeat(64)), whole);
  // Old lines are forgotten from the front.
  assert.deepEqual(await checkChain('main', pages(...LINES.slice(1))), { ...whole, lines: 2, first: 2 });
  assert.deepEqual(await checkChain('main', pages('')), { lines: 0 });
});

test('an audit log that was changed is caught at the line', async () => {
  const [one = '', two = '', three = ''] = LINES;
  const rows: [string, string[], number][] = [
    ['another workspace’s', LINES, 1],
    ['a word', [one, two.replace('jackfield:csv', 'jackfield:cvs'), three], 2],
    ['a yes', [one, two.replace('true', 'false'), three], 2],
    ['a moment', [one.replace('1795883481199702', '1795883481199703'), two, three], 1],
    ['a line less', [one, three], 3],
    ['a line twice', [one, one, two], 1],
    ['two lines changed about', [one, three, two], 3],
    ['a number as text', [one, two.replace('"number":2', '"number":"2"'), three], 2],
    ['a hash that is none', [one, two.replace(/"hash":".{2}/, '"hash":"zz'), three], 2],
    ['no JSON', [one, two.slice(1), three], 2],
    ['null', ['null'], 1],
  ];
  for (const [what, lines, brokenAt] of rows) {
    const workspace = what === 'another workspace’s' ? 'sales' : 'main';
    assert.equal((await checkChain(workspace, pages(...lines))).brokenAt, brokenAt, what);
  }
});

test('a hash that was noted is 64 hex digits, however it was written', () => {
  assert.equal(asNoted(` ${(HASHES[0] ?? '').toUpperCase()}\n`), HASHES[0]);
  for (const text of ['', 'abc', `${HASHES[0]}00`, 'z'.repeat(64)]) assert.equal(asNoted(text), undefined);
});

test('a denial’s request is made only if it is one of the three, for that very installation', () => {
  const at = '/v1/workspaces/main/installations/acme/crm';
  for (const [fix, says, needs] of [
    [`POST ${at}/grant {"egress":"GET https://api.example.com"}`, 'GET https://api.example.com', 'grant'],
    [`PUT ${at}/grant {"operations":["list","get"]}`, 'the operations list, get', 'grant'],
    [`PUT ${at}/enabled {"enabled":true}`, 'it to run again', 'switch'],
  ] as const) {
    const found = fixOf(fix, at);
    assert.deepEqual([found?.says, found?.needs], [says, needs]);
  }
  for (const fix of [
    null,
    '',
    'jackfield connect acme:crm',
    'POST /v1/workspaces/other/installations/acme/crm/grant {"egress":"GET https://a.example"}',
    'POST /v1/workspaces/main/installations/acme/mail/grant {"egress":"GET https://a.example"}',
    `POST https://evil.example${at}/grant {"egress":"GET https://a.example"}`,
    `POST ${at}/../mail/grant {"egress":"GET https://a.example"}`,
    `DELETE ${at} {"egress":"GET https://a.example"}`,
    `POST ${at}/grant {"egress":["GET https://a.example"]}`,
    `PUT ${at}/grant {"operations":"all"}`,
    `PUT ${at}/enabled {"enabled":false}`,
    `PUT ${at}/enabled {"enabled":true`,
  ])
    assert.equal(fixOf(fix, at), undefined, fix ?? 'none');
});

test('calls are said in plain words', () => {
  const calls = [5, 1, 9, 3].map((wall_us) => ({ bill: { wall_us } }) as Invocation);
  assert.deepEqual(latency(calls), { median: 3, most: 9 });
  assert.equal(latency([]), undefined);
  assert.equal(callerName('user:ada'), 'ada');
  assert.equal(callerName('person user:ada'), 'ada');
  assert.equal(callerName('connector acme:crm'), 'connector acme:crm');
  assert.equal(callerName('token:0198-1', new Map([['0198-1', 'CI']])), 'token CI');
});
