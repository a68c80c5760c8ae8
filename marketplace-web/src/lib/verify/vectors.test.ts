// The verifier on the vectors that Rust and Python read, too: tests/vectors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pae, parseBundle, verified } from './bundle';
import { digestOf, fromHex, hex, utf8, type Bytes } from './bytes';
import { PublicKey } from './ed25519';
import { Refusal } from './refusal';
import { readPublish } from './statement';

const read = (name: string) => JSON.parse(readFileSync(`../tests/vectors/${name}`, 'utf8'));
const bytes = (digits: string): Bytes => fromHex(digits) ?? assert.fail(digits);

async function code(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.code;
  }
}

test('which public keys may be registered', async () => {
  const { public_keys: rows } = read('ed25519.json');
  assert.ok(rows.length >= 12);
  for (const row of rows) assert.equal(await code(() => PublicKey.of(bytes(row.key))), row.code, row.comment);
});

test('which signatures hold', async () => {
  for (const row of read('ed25519.json').signatures) {
    const key = await PublicKey.of(bytes(row.key));
    assert.equal(await key.verify(bytes(row.message), bytes(row.signature)), row.valid, row.comment);
  }
});

test('the public vectors: RFC 8032 and ed25519-speccheck', async () => {
  const { cases } = read('ed25519-public.json');
  assert.ok(cases.length >= 17);
  for (const row of cases) {
    const said = await code(async () => {
      const key = await PublicKey.of(bytes(row.key));
      if (!(await key.verify(bytes(row.message), bytes(row.signature)))) throw new Refusal('signature-invalid', '');
    });
    assert.equal(said, row.code, row.comment);
  }
});

test('keys are named as securesystemslib names them', async () => {
  for (const row of read('ed25519.json').key_ids) assert.equal((await PublicKey.of(bytes(row.key))).id, row.keyid);
});

test('the good package: bundle, encoding, signature and what it says', async () => {
  const vector = read('publish.json');
  const bundle = parseBundle(utf8(JSON.stringify(vector.bundle)));
  const key = await PublicKey.of(bytes(vector.public_key));
  assert.equal(key.id, vector.keyid);
  assert.equal(hex(pae(bundle)), vector.pae);
  assert.equal(hex(bundle.signature), vector.signature);
  const payload = await verified(bundle, key);
  assert.equal(hex(payload), vector.payload);
  const publish = readPublish(payload);
  assert.equal(publish.component, vector.component_digest);
  assert.equal(publish.component, await digestOf(bytes(vector.component)));
  assert.equal(publish.manifestDigest, vector.manifest_digest);
});

test('the same, changed in one place each', async () => {
  const vector = read('publish.json');
  const key = await PublicKey.of(bytes(vector.public_key));
  const rows: [string, (bundle: any) => void][] = [
    ['ok', () => undefined],
    ['bundle-media-type', (b) => (b.mediaType = 'application/vnd.dev.sigstore.bundle.v0.2+json')],
    ['bundle-invalid', (b) => (b.extra = 1)],
    ['bundle-invalid', (b) => (b.dsseEnvelope.payload = 'bm90\nIGpzb24=')],
    ['bundle-invalid', (b) => (b.dsseEnvelope.payload = 'bm9=')],
    ['bundle-invalid', (b) => (b.dsseEnvelope.signatures[0].keyid = '00')],
    ['signature-missing', (b) => (b.dsseEnvelope.signatures = [])],
    ['signature-too-many', (b) => b.dsseEnvelope.signatures.push(b.dsseEnvelope.signatures[0])],
    ['signature-invalid', (b) => (b.dsseEnvelope.signatures[0].sig = 'AAAA')],
    ['signature-invalid', (b) => (b.dsseEnvelope.signatures[0].sig = `${'A'.repeat(86)}==`)],
    // A payload that nobody signed is not even read: it is no JSON, and that is not what is said about it.
    ['signature-invalid', (b) => (b.dsseEnvelope.payload = 'bm90IGpzb24=')],
    ['statement-type', (b) => (b.dsseEnvelope.payloadType = 'text/plain')],
    ['key-id-malformed', (b) => (b.verificationMaterial.publicKey.hint = 'me')],
  ];
  for (const [expected, change] of rows) {
    const changed = structuredClone(vector.bundle);
    change(changed);
    const said = await code(async () => readPublish(await verified(parseBundle(utf8(JSON.stringify(changed))), key)));
    assert.equal(said, expected, change.toString());
  }
  const spoilt = bytes(vector.component);
  spoilt[spoilt.length - 1] = (spoilt[spoilt.length - 1] ?? 0) ^ 1;
  assert.notEqual(await digestOf(spoilt), vector.component_digest);
});
