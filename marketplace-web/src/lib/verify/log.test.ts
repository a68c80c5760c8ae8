// The log's half of the verifier: trees, notes and a whole evidence document, good and with one thing changed. The log is made here,
// by Node's own cryptography, in the formats of docs/spec/log.md.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, sign as signBy } from 'node:crypto';
import { test } from 'node:test';
import { base64, concat, fromBase64, fromHex, hex, sha256, utf8, type Bytes } from './bytes';
import { entryHash, parseBundle } from './bundle';
import { PublicKey } from './ed25519';
import { examine, readKeys, verifyAudit, type Claim, type Head } from './evidence';
import { leafHash, verifyConsistency, verifyInclusion } from './merkle';
import { cosigners, isSignedBy, openCheckpoint, parseKey, parseNote } from './note';
import { Refusal } from './refusal';
import { parse } from './strict-json';

async function code(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.code;
  }
}

/** A key of 32 equal bytes. */
class Signer {
  readonly public: Bytes;
  private readonly secret;

  constructor(seed: number) {
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)]);
    this.secret = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    const { x } = this.secret.export({ format: 'jwk' });
    this.public = new Uint8Array(Buffer.from(x ?? '', 'base64url'));
  }

  key = () => PublicKey.of(this.public);
  sign = (bytes: Bytes): Bytes => new Uint8Array(signBy(null, bytes, this.secret));

  async bundle(kind: string, subject: Record<string, string>, predicate: object) {
    const { id } = await this.key();
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      predicate,
      predicateType: `https://jackfield.dev/spec/${kind}/v1`,
      subject: Object.entries(subject).map(([name, digest]) => ({
        digest: { sha256: digest.replace('sha256:', '') },
        name,
      })),
    };
    const payload = utf8(JSON.stringify(statement));
    const type = 'application/vnd.in-toto+json';
    const signature = this.sign(concat(utf8(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload));
    return {
      dsseEnvelope: {
        payload: base64(payload),
        payloadType: type,
        signatures: [{ keyid: id, sig: base64(signature) }],
      },
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: id }, tlogEntries: [] },
    };
  }
}

const ORIGIN = 'log.example';
const [publisher, log, statements, witness, reviewer, stranger] = [1, 2, 3, 4, 5, 6].map(
  (seed) => new Signer(seed),
) as [Signer, Signer, Signer, Signer, Signer, Signer];

async function vkey(name: string, type: number, signer: Signer): Promise<string> {
  const typed = concat(new Uint8Array([type]), signer.public);
  return `${name}+${hex((await sha256(concat(utf8(`${name}\n`), typed))).slice(0, 4))}+${base64(typed)}`;
}

/** A tree by the definition (RFC 6962, 2.1), to hold the loops against. */
async function rootOf(leaves: Bytes[]): Promise<Bytes> {
  if (leaves.length === 0) return sha256(new Uint8Array());
  if (leaves.length === 1) return leaves[0] as Bytes;
  const middle = split(leaves.length);
  return sha256(concat(new Uint8Array([1]), await rootOf(leaves.slice(0, middle)), await rootOf(leaves.slice(middle))));
}

const split = (size: number) => 2 ** Math.floor(Math.log2(size - 1));

async function inclusion(at: number, leaves: Bytes[]): Promise<Bytes[]> {
  if (leaves.length === 1) return [];
  const middle = split(leaves.length);
  const [own, other, place] =
    at < middle
      ? [leaves.slice(0, middle), leaves.slice(middle), at]
      : [leaves.slice(middle), leaves.slice(0, middle), at - middle];
  return [...(await inclusion(place, own)), await rootOf(other)];
}

async function consistency(from: number, leaves: Bytes[], whole = true): Promise<Bytes[]> {
  if (from === leaves.length) return whole ? [] : [await rootOf(leaves)];
  const middle = split(leaves.length);
  if (from <= middle)
    return [...(await consistency(from, leaves.slice(0, middle), whole)), await rootOf(leaves.slice(middle))];
  return [...(await consistency(from - middle, leaves.slice(middle), false)), await rootOf(leaves.slice(0, middle))];
}

async function note(size: number, root: Bytes, by: Signer = log): Promise<string> {
  const text = `${ORIGIN}\n${size}\n${base64(root)}\n`;
  const line = async (name: string, type: number, signer: Signer, signature: Bytes) => {
    const id = fromHex((await vkey(name, type, signer)).split('+')[1] ?? '') as Bytes;
    return `\u2014 ${name} ${base64(concat(id, signature))}\n`;
  };
  const time = new Uint8Array(8);
  time[7] = 9;
  const cosignature = concat(time, witness.sign(utf8(`cosignature/v1\ntime 9\n${text}`)));
  return `${text}\n${await line(ORIGIN, 1, by, by.sign(utf8(text)))}${await line('w.example', 4, witness, cosignature)}`;
}

async function leaves(count: number): Promise<Bytes[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => leafHash(utf8(String(at)))));
}

test('each entry of each tree is included, and nothing else is', async () => {
  for (let size = 1; size <= 33; size += 1) {
    const all = await leaves(size);
    const root = await rootOf(all);
    for (let at = 0; at < size; at += 1) {
      const [leaf, proof] = [all[at] as Bytes, await inclusion(at, all)];
      await verifyInclusion(leaf, at, size, proof, root);
      assert.equal(await code(() => verifyInclusion(leaf, at, size, [...proof, root], root)), 'log-inclusion-invalid');
      if (proof.length > 0)
        assert.equal(await code(() => verifyInclusion(leaf, at, size, proof.slice(1), root)), 'log-inclusion-invalid');
      assert.equal(
        await code(() => verifyInclusion(root, at, size, proof, root)),
        size === 1 ? 'ok' : 'log-inclusion-invalid',
      );
      if (size > 1)
        assert.equal(
          await code(() => verifyInclusion(leaf, (at + 1) % size, size, proof, root)),
          'log-inclusion-invalid',
        );
    }
    assert.equal(await code(() => verifyInclusion(all[0] as Bytes, size, size, [], root)), 'log-inclusion-invalid');
  }
});

test('each tree goes on from each before it, and from no other', async () => {
  const all = await leaves(20);
  for (let to = 1; to <= 20; to += 1) {
    for (let from = 0; from <= to; from += 1) {
      const [old, root] = [await rootOf(all.slice(0, from)), await rootOf(all.slice(0, to))];
      const proof = from === 0 ? [] : await consistency(from, all.slice(0, to));
      await verifyConsistency(from, old, to, root, proof);
      const other = await sha256(old);
      assert.equal(await code(() => verifyConsistency(from, other, to, root, proof)), 'log-consistency-invalid');
      assert.equal(
        await code(() => verifyConsistency(from, old, to, root, [...proof, root])),
        'log-consistency-invalid',
      );
      if (proof.length > 0)
        assert.equal(
          await code(() => verifyConsistency(from, old, to, root, proof.slice(1))),
          'log-consistency-invalid',
        );
    }
    assert.equal(
      await code(async () => verifyConsistency(to + 1, all[0] as Bytes, to, all[0] as Bytes, [])),
      'log-rollback',
    );
  }
});

test('a checkpoint is the log’s own, or none', async () => {
  const root = await rootOf(await leaves(3));
  const good = await note(3, root);
  const key = await parseKey(await vkey(ORIGIN, 1, log));
  const open = (text: string) => code(async () => openCheckpoint(parseNote(text), key));
  assert.deepEqual(await openCheckpoint(parseNote(good), key), { origin: ORIGIN, size: 3, root });
  assert.equal(await open(good.replace('\n3\n', '\n4\n')), 'note-signature-invalid');
  assert.equal(await open(await note(3, root, stranger)), 'note-signature-missing');
  assert.equal(await open(good.replace(/\u2014 log[^\n]*\n/u, '')), 'note-signature-missing');
  assert.equal(await open(good.trimEnd()), 'note-malformed');
  assert.equal(await open(good.replace('\u2014', '-')), 'note-malformed');
  assert.equal(await open('x'.repeat(200_000)), 'note-too-large');
  const policy = `log ${await vkey(ORIGIN, 1, log)}\nwitness w1 ${await vkey('w.example', 4, witness)}\nwitness w2 ${await vkey('v.example', 4, stranger)}\n`;
  assert.deepEqual(await cosigners(parseNote(good), policy), { asked: 2, cosigned: ['w.example'] });
  assert.equal(await isSignedBy(parseNote(good), await parseKey(await vkey('v.example', 4, stranger))), false);
  assert.equal(
    await code(async () => parseKey((await vkey(ORIGIN, 1, log)).replace('log.', 'lag.'))),
    'log-key-malformed',
  );
});

test('JSON with two meanings is refused', () => {
  const rows: [string, string][] = [
    ['ok', '{"a":[1,-2,18446744073709551615,"\\u00e9\\ud83d\\ude00",null,true]}'],
    ['json-duplicate-key', '{"a":1,"a":2}'],
    ['json-duplicate-key', '{"x":[{"b":1,"\\u0062":2}]}'],
    ['json-float', '1.0'],
    ['json-float', '-0'],
    ['json-float', '1e2'],
    ['json-float', '18446744073709551616'],
    ['json-trailing', '{} {}'],
    ['json-bom', '\ufeff{}'],
    ['json-malformed', '{a:1}'],
    ['json-malformed', '[1,]'],
    ['json-trailing', '01'],
    ['json-malformed', '"\\ud800"'],
    ['json-malformed', '"a\nb"'],
    ['json-malformed', ''],
    ['json-too-deep', '['.repeat(33) + ']'.repeat(33)],
  ];
  for (const [expected, text] of rows) {
    let said = 'ok';
    try {
      parse(utf8(text));
    } catch (error) {
      said = (error as Refusal).code;
    }
    assert.equal(said, expected, text);
  }
  assert.throws(() => parse(new Uint8Array([0x22, 0xff, 0x22])), { code: 'json-not-utf8' });
  assert.equal((parse(utf8('{"__proto__":{"x":1}}')) as Record<string, unknown>).x, undefined);
});

const digest = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const CLAIM: Claim = {
  name: 'acme:weather',
  version: '1.2.3',
  component: digest('component'),
  ociManifest: digest('oci'),
  manifestDigest: digest('manifest'),
};

interface World {
  evidence: {
    checkpoint: string;
    publish: Logged[];
    keysets: Logged[][];
    checks: Logged[];
    audits: Logged[];
    statuses: Logged[];
  };
  index: Awaited<ReturnType<Signer['bundle']>>;
  head: string;
  leaves: Bytes[];
}
interface Logged {
  bundle: Awaited<ReturnType<Signer['bundle']>>;
  index: number;
  proof: string[];
}

/** A log with everything that speaks for one release, and more behind it. */
async function world({
  statuses = [] as object[],
  signer = publisher,
  expires = 4_102_444_800_000_000,
} = {}): Promise<World> {
  const keyset = { keys: [hex(publisher.public)], namespace: 'acme', reason: '', threshold: 1, version: 1 };
  const publish = {
    manifest_digest: CLAIM.manifestDigest,
    name: CLAIM.name,
    registry: ORIGIN,
    version: CLAIM.version,
    world: 'jackfield:connector@0.1.0',
  };
  const checks = {
    name: CLAIM.name,
    passed: ['component-valid'],
    registry: ORIGIN,
    ruleset: '2',
    version: CLAIM.version,
    warnings: [],
  };
  const audit = { criteria: 'safe-to-run', name: CLAIM.name, notes: 'Read.', verdict: 'pass', version: CLAIM.version };
  const said: [Signer, Awaited<ReturnType<Signer['bundle']>>][] = [
    [publisher, await publisher.bundle('keyset', { name: digest('acme') }, keyset)],
    [
      signer,
      await signer.bundle('publish', { component: CLAIM.component, 'oci-manifest': CLAIM.ociManifest }, publish),
    ],
    [statements, await statements.bundle('checks', { component: CLAIM.component }, checks)],
    [reviewer, await reviewer.bundle('audit', { component: CLAIM.component }, audit)],
  ];
  for (const status of statuses)
    said.push([
      statements,
      await statements.bundle(
        'status',
        'key' in status ? { key: `sha256:${(await publisher.key()).id}` } : { component: CLAIM.component },
        status,
      ),
    ]);
  const own = await Promise.all(
    said.map(async ([by, bundle]) => entryHash(parseBundle(utf8(JSON.stringify(bundle))), await by.key())),
  );
  const all = [...own, ...(await leaves(5))];
  const size = own.length + 2;
  const logged = async (at: number): Promise<Logged> => ({
    bundle: (said[at] as (typeof said)[number])[1],
    index: at,
    proof: (await inclusion(at, all.slice(0, size))).map((hash) => base64(hash)),
  });
  const release = {
    component: CLAIM.component,
    oci_manifest: CLAIM.ociManifest,
    released_at: 1,
    size: 9,
    status: 'released',
    version: CLAIM.version,
  };
  return {
    evidence: {
      checkpoint: await note(size, await rootOf(all.slice(0, size))),
      keysets: [[await logged(0)]],
      publish: [await logged(1)],
      checks: [await logged(2)],
      audits: [await logged(3)],
      statuses: await Promise.all(statuses.map((_, at) => logged(4 + at))),
    },
    index: await statements.bundle(
      'index',
      { name: digest(CLAIM.name) },
      { expires, issued: 1, log_size: size, name: CLAIM.name, registry: ORIGIN, releases: [release] },
    ),
    head: await note(all.length, await rootOf(all)),
    leaves: all,
  };
}

async function held(made: World, claim = CLAIM, seenSize?: number) {
  const keys = await readKeys({
    origin: ORIGIN,
    log_key: await vkey(ORIGIN, 1, log),
    statements_key: hex(statements.public),
    witness_policy: `log ${await vkey(ORIGIN, 1, log)}\nwitness w1 ${await vkey('w.example', 4, witness)}\n`,
  });
  const findHead = async ({ size }: { size: number }): Promise<Head> => ({
    note: parseNote(made.head),
    fromEvidence: await consistency(size, made.leaves),
    seen:
      seenSize === undefined
        ? undefined
        : {
            size: seenSize,
            root: await rootOf(made.leaves.slice(0, seenSize)),
            proof: await consistency(seenSize, made.leaves),
          },
  });
  return examine(
    claim,
    utf8(JSON.stringify(made.evidence)),
    utf8(JSON.stringify(made.index)),
    keys,
    findHead,
    1_800_000_000_000,
  );
}

const verdict = async (...arguments_: Parameters<typeof held>) => {
  const found = await held(...arguments_);
  return found.ok ? 'ok' : found.steps.at(-1)?.code;
};

test('a release that holds, step by step', async () => {
  const made = await world();
  const found = await held(made, CLAIM, 3);
  assert.ok(found.ok, JSON.stringify(found.steps.at(-1)));
  assert.deepEqual(
    found.steps.map((step) => step.name),
    [
      'evidence',
      'index',
      'checkpoint',
      'witnesses',
      'log-one-face',
      'log-growth',
      'keysets',
      'statuses',
      'publish-signatures',
      'statement',
      'checks',
      'status',
    ],
  );
  assert.deepEqual(found.cosigned, ['w.example']);
  const [audit] = found.audits;
  assert.ok(audit && found.checkpoint);
  assert.equal((await verifyAudit(audit, await reviewer.key(), found.checkpoint, CLAIM)).verdict, 'pass');
  const { checkpoint } = found;
  assert.equal(await code(async () => verifyAudit(audit, await stranger.key(), checkpoint, CLAIM)), 'signer-unknown');
  audit.logged.proof = [];
  assert.equal(
    await code(async () => verifyAudit(audit, await reviewer.key(), checkpoint, CLAIM)),
    'log-inclusion-invalid',
  );
});

test('the same with one thing changed', async () => {
  const swapped = (text: string) => (text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`);
  const rows: [string, (made: World) => unknown][] = [
    ['evidence-malformed', ({ evidence }) => Object.assign(evidence, { more: 1 })],
    [
      'signature-invalid',
      ({ index }) => Object.assign(index.dsseEnvelope.signatures[0] ?? {}, { sig: base64(new Uint8Array(64)) }),
    ],
    [
      'note-signature-missing',
      async (made) => (made.evidence.checkpoint = await note(6, await rootOf(made.leaves.slice(0, 6)), stranger)),
    ],
    ['note-signature-invalid', ({ evidence }) => (evidence.checkpoint = evidence.checkpoint.replace('\n6\n', '\n7\n'))],
    ['log-quorum', ({ evidence }) => (evidence.checkpoint = evidence.checkpoint.replace(/\u2014 w\.[^\n]*\n/u, ''))],
    ['log-rollback', async (made) => (made.head = await note(2, await rootOf(made.leaves.slice(0, 2))))],
    ['log-consistency-invalid', async (made) => (made.head = await note(9, await sha256(utf8('another face'))))],
    ['keyset-missing', ({ evidence }) => (evidence.keysets = [])],
    ['log-inclusion-invalid', ({ evidence }) => evidence.keysets[0]?.[0]?.proof.pop()],
    ['signature-missing', ({ evidence }) => (evidence.publish = [])],
    ['key-not-in-keyset', ({ evidence }) => Object.assign(evidence.publish[0] ?? {}, { index: 0 })],
    [
      'signature-invalid',
      ({ evidence }) => {
        const envelope = evidence.publish[0]?.bundle.dsseEnvelope;
        if (envelope) envelope.payload = base64(utf8('not JSON'));
      },
    ],
    [
      'log-inclusion-invalid',
      ({ evidence }) => {
        const logged = evidence.publish[0];
        if (logged) logged.proof[0] = swapped(logged.proof[0] ?? '');
      },
    ],
    ['checks-missing', ({ evidence }) => (evidence.checks = [])],
    ['log-inclusion-invalid', ({ evidence }) => Object.assign(evidence.checks[0] ?? {}, { index: 3 })],
  ];
  for (const [expected, change] of rows) {
    const made = await world();
    await change(made);
    assert.equal(await verdict(made), expected, change.toString());
  }
  assert.equal(await verdict(await world({ signer: stranger })), 'key-not-in-keyset');
  assert.equal(await verdict(await world({ expires: 1 })), 'index-stale');
  for (const [key, expected] of [
    ['component', 'component-mismatch'],
    ['ociManifest', 'subject-mismatch'],
    ['manifestDigest', 'manifest-mismatch'],
    ['version', 'release-not-found'],
    ['name', 'name-mismatch'],
  ] as const) {
    assert.equal(
      await verdict(await world(), {
        ...CLAIM,
        [key]: key === 'name' ? 'acme:other' : key === 'version' ? '9.9.9' : digest('other'),
      }),
      expected,
    );
  }
});

test('what was said since counts, until it is lifted', async () => {
  const release = { name: CLAIM.name, version: CLAIM.version };
  const said = (action: string, more: object = {}) => ({
    action,
    by: 'olga',
    reason: 'so',
    registry: ORIGIN,
    release,
    ...more,
  });
  const key = { keyid: (await publisher.key()).id, namespace: 'acme' };
  const revoked = (more: object = {}) => ({
    action: 'revoke',
    by: 'olga',
    reason: 'stolen',
    registry: ORIGIN,
    key,
    ...more,
  });
  const rows: [string, object[]][] = [
    ['release-yanked', [said('yank')]],
    ['release-revoked', [said('revoke')]],
    ['ok', [said('yank'), said('lift')]],
    ['release-yanked', [said('lift'), said('yank')]],
    ['ok', [said('quarantine', { expires: 1 })]],
    ['release-quarantined', [said('quarantine', { expires: 4_102_444_800_000_000 })]],
    ['statement-malformed', [said('quarantine')]],
    ['audience-mismatch', [said('yank', { registry: 'evil.example' })]],
    ['key-revoked', [revoked()]],
    ['key-revoked', [revoked({ since_index: 1 })]],
    ['ok', [revoked({ since_index: 2 })]],
    ['statement-malformed', [revoked({ action: 'yank' })]],
  ];
  for (const [expected, statuses] of rows)
    assert.equal(await verdict(await world({ statuses })), expected, JSON.stringify(statuses));
});

test('bytes are read strictly', () => {
  assert.equal(fromBase64('AAAB')?.length, 3);
  for (const bad of ['AAA', 'AA==A', 'AB==', 'A\nAA', 'AA-_']) assert.equal(fromBase64(bad), undefined, bad);
  for (const bad of ['0', 'AB', 'zz']) assert.equal(fromHex(bad), undefined, bad);
});
