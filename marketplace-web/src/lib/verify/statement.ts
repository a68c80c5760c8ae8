import { digestOf, fromHex, hex, sha256, utf8, type Bytes } from './bytes';
import { verified, type Bundle } from './bundle';
import { PublicKey } from './ed25519';
import { BUNDLES, KEYSET_KEYS, STATEMENT_BYTES, SUBJECTS } from './limits';
import { Refusal } from './refusal';
import { isCount, isText, parse, shape, type Json } from './strict-json';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE = /^https:\/\/jackfield\.dev\/spec\/([a-z]+)\/v1$/;

const malformed = (message: string) => new Refusal('statement-malformed', `the statement: ${message}`);

/** Reads a payload of one kind whose signature has been checked, as docs/spec/statement.md says. */
function read(
  payload: Bytes,
  kind: string,
  required: readonly string[],
  optional: readonly string[] = [],
  atMost = STATEMENT_BYTES,
) {
  if (payload.length > atMost) throw malformed(`it has more than ${atMost} bytes`);
  const value = parse(payload);
  const object = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  if (object._type !== STATEMENT_TYPE) throw new Refusal('statement-type', `it is no \`${STATEMENT_TYPE}\``);
  if (!isText(object.predicateType) || PREDICATE.exec(object.predicateType)?.[1] !== kind) {
    throw new Refusal('statement-type', `it is no \`${kind}\` statement`);
  }
  const whole = shape(object, ['_type', 'subject', 'predicateType', 'predicate'], [], malformed);
  if (!Array.isArray(whole.subject) || whole.subject.length > SUBJECTS) throw malformed('its subjects are no list');
  const subjects = new Map<string, string>();
  for (const subject of whole.subject) {
    const { name, digest } = shape(subject, ['name', 'digest'], [], malformed);
    const { sha256: digits } = shape(digest, ['sha256'], [], malformed);
    if (!isText(name) || subjects.has(name)) throw malformed('a subject has no name, or one that stands twice');
    if (!isText(digits) || !/^[0-9a-f]{64}$/.test(digits))
      throw new Refusal('digest-malformed', 'a digest is not 64 lower-case hex digits');
    subjects.set(name, `sha256:${digits}`);
  }
  const predicate = shape(whole.predicate, required, optional, malformed) as Record<string, Json>;
  const take = (name: string): string => {
    const digest = subjects.get(name);
    if (!digest) throw malformed(`it has no subject \`${name}\``);
    subjects.delete(name);
    return digest;
  };
  const end = () => {
    for (const name of subjects.keys()) throw malformed(`one of its kind has no subject \`${name}\``);
  };
  return { predicate, subjects, take, end };
}

function texts(predicate: Record<string, Json>, ...keys: string[]): string[] {
  return keys.map((key) => {
    const value = predicate[key];
    if (!isText(value)) throw malformed(`\`${key}\` is no text`);
    return value;
  });
}

function optionalText(predicate: Record<string, Json>, key: string): string | undefined {
  const value = predicate[key];
  if (value === undefined || value === null) return undefined;
  if (!isText(value)) throw malformed(`\`${key}\` is no text`);
  return value;
}

function optionalCount(predicate: Record<string, Json>, key: string): number | undefined {
  const value = predicate[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') throw malformed(`\`${key}\` is no number`);
  return value;
}

export interface Publish {
  component: string;
  ociManifest: string | undefined;
  name: string;
  version: string;
  world: string;
  manifestDigest: string;
  registry: string | undefined;
  previous: string | undefined;
}

export function readPublish(payload: Bytes): Publish {
  const { predicate, subjects, take, end } = read(
    payload,
    'publish',
    ['name', 'version', 'world', 'manifest_digest'],
    ['registry', 'previous'],
  );
  const component = take('component');
  const ociManifest = subjects.has('oci-manifest') ? take('oci-manifest') : undefined;
  end();
  const [name, version, world, manifestDigest] = texts(predicate, 'name', 'version', 'world', 'manifest_digest') as [
    string,
    string,
    string,
    string,
  ];
  return {
    component,
    ociManifest,
    name,
    version,
    world,
    manifestDigest,
    registry: optionalText(predicate, 'registry'),
    previous: optionalText(predicate, 'previous'),
  };
}

export interface Checks {
  component: string;
  registry: string;
  name: string;
  version: string;
  ruleset: string;
  passed: string[];
  warnings: string[];
}

export function readChecks(payload: Bytes): Checks {
  const { predicate, take, end } = read(payload, 'checks', [
    'registry',
    'name',
    'version',
    'ruleset',
    'passed',
    'warnings',
  ]);
  const component = take('component');
  end();
  const list = (key: string) => {
    const value = predicate[key];
    if (!Array.isArray(value) || !value.every(isText)) throw malformed(`\`${key}\` is no list of rules`);
    return value;
  };
  const [registry, name, version, ruleset] = texts(predicate, 'registry', 'name', 'version', 'ruleset') as [
    string,
    string,
    string,
    string,
  ];
  return { component, registry, name, version, ruleset, passed: list('passed'), warnings: list('warnings') };
}

export interface Audit {
  component: string;
  name: string;
  version: string;
  criteria: string;
  verdict: 'pass' | 'fail';
  deltaFrom: string | undefined;
  notes: string;
  expires: number | undefined;
}

export function readAudit(payload: Bytes): Audit {
  const { predicate, take, end } = read(
    payload,
    'audit',
    ['name', 'version', 'criteria', 'verdict', 'notes'],
    ['delta_from', 'expires'],
  );
  const component = take('component');
  end();
  const [name, version, criteria, notes] = texts(predicate, 'name', 'version', 'criteria', 'notes') as [
    string,
    string,
    string,
    string,
  ];
  const { verdict } = predicate;
  if (verdict !== 'pass' && verdict !== 'fail') throw malformed('`verdict` is neither `pass` nor `fail`');
  return {
    component,
    name,
    version,
    criteria,
    verdict,
    notes,
    deltaFrom: optionalText(predicate, 'delta_from'),
    expires: optionalCount(predicate, 'expires'),
  };
}

export interface Status {
  registry: string;
  subject:
    { release: { name: string; version: string; component: string } } | { key: { namespace: string; id: string } };
  action: 'yank' | 'quarantine' | 'revoke' | 'lift';
  reason: string;
  sinceIndex: number | undefined;
  expires: number | undefined;
  by: string;
}

export function readStatus(payload: Bytes): Status {
  const { predicate, take, end } = read(
    payload,
    'status',
    ['registry', 'action', 'reason', 'by'],
    ['release', 'key', 'since_index', 'expires'],
  );
  let subject: Status['subject'];
  if (predicate.release !== undefined && predicate.key === undefined) {
    const { name, version } = shape(predicate.release, ['name', 'version'], [], malformed);
    if (!isText(name) || !isText(version)) throw malformed('`release` has no name and version');
    subject = { release: { name, version, component: take('component') } };
  } else if (predicate.key !== undefined && predicate.release === undefined) {
    const { namespace, keyid } = shape(predicate.key, ['namespace', 'keyid'], [], malformed);
    if (!isText(namespace) || !isText(keyid) || take('key') !== `sha256:${keyid}`)
      throw malformed('its subject `key` is not its `keyid`');
    subject = { key: { namespace, id: keyid } };
  } else {
    throw malformed('a status is of one `release` or of one `key`');
  }
  end();
  const [registry, action, reason, by] = texts(predicate, 'registry', 'action', 'reason', 'by') as [
    string,
    string,
    string,
    string,
  ];
  if (action !== 'yank' && action !== 'quarantine' && action !== 'revoke' && action !== 'lift')
    throw malformed('`action` is none');
  const [sinceIndex, expires] = [optionalCount(predicate, 'since_index'), optionalCount(predicate, 'expires')];
  const isKey = 'key' in subject;
  if (isKey && (action === 'yank' || action === 'quarantine')) throw malformed(`a key has no \`${action}\``);
  if (sinceIndex !== undefined && !(isKey && action === 'revoke'))
    throw malformed('only the revocation of a key has `since_index`');
  if (expires === undefined && action === 'quarantine') throw malformed('a quarantine has a day on which it ends');
  return { registry, subject, action, reason, sinceIndex, expires, by };
}

export interface Keyset {
  namespace: string;
  version: number;
  threshold: number;
  keys: PublicKey[];
  reason: string;
}

async function readKeyset(payload: Bytes): Promise<Keyset> {
  const { predicate, take, end } = read(payload, 'keyset', ['namespace', 'version', 'threshold', 'keys', 'reason']);
  const { version, threshold, keys: digits } = predicate;
  const [namespace, reason] = texts(predicate, 'namespace', 'reason') as [string, string];
  if (take('name') !== (await digestOf(utf8(namespace)))) throw malformed('its subject `name` is not its namespace');
  end();
  if (!isCount(version) || version === 0 || !isCount(threshold) || threshold === 0)
    throw malformed('`version` or `threshold` is no number');
  if (!Array.isArray(digits) || digits.length === 0 || digits.length > KEYSET_KEYS || threshold > digits.length) {
    throw malformed('its keys are not 1 to 16, and at least as many as its threshold');
  }
  if (new Set(digits).size !== digits.length) throw malformed('a key stands twice');
  const keys: PublicKey[] = [];
  for (const key of digits) {
    const bytes = isText(key) ? fromHex(key) : undefined;
    if (!bytes) throw malformed('a key is not 64 lower-case hex digits');
    keys.push(await PublicKey.of(bytes));
  }
  return { namespace, version, threshold, keys, reason };
}

/**
 * Reads one version of a keyset from one bundle a signer: signed by the threshold of the keys before (or, where these were lost, by
 * the registry in their place) and by every new key. The codes of docs/spec/admission.md, `keyset-…`.
 */
export async function acceptKeyset(
  previous: Keyset | undefined,
  bundles: Bundle[],
  registry: PublicKey,
): Promise<{ keyset: Keyset; recovered: boolean }> {
  const [first] = bundles;
  if (!first) throw new Refusal('signature-missing', 'there is no signed statement');
  if (bundles.length > BUNDLES) throw new Refusal('bundle-too-many', `more than ${BUNDLES} bundles for one statement`);
  if (bundles.some((bundle) => hex(bundle.payload) !== hex(first.payload))) {
    throw new Refusal('keyset-payloads-differ', 'the bundles of one keyset change must be over the same statement');
  }
  const keyset = await readKeyset(first.payload);
  const expected = (previous?.version ?? 0) + 1;
  if (previous && previous.namespace !== keyset.namespace)
    throw new Refusal('keyset-namespace', `the keyset is one of \`${keyset.namespace}\``);
  if (keyset.version !== expected)
    throw new Refusal('keyset-version', `the keyset has version ${keyset.version}: expected ${expected}`);
  const old = previous?.keys ?? [];
  const signers = new Set<string>();
  for (const bundle of bundles) {
    const key = [...old, ...keyset.keys].find((key) => key.id === bundle.keyHint);
    if (!key) continue;
    await verified(bundle, key);
    signers.add(key.id);
  }
  const enough = old.filter((key) => signers.has(key.id)).length >= (previous?.threshold ?? 0);
  if (!enough) {
    const byRegistry = bundles.find((bundle) => bundle.keyHint === registry.id);
    if (!byRegistry) throw new Refusal('keyset-threshold', `too few keys of version ${expected - 1} signed the change`);
    await verified(byRegistry, registry);
  }
  // Where the registry speaks in the place of lost keys, each key proves anew that it is held.
  const known = enough ? old.map((key) => key.id) : [];
  const silent = keyset.keys.find((key) => !known.includes(key.id) && !signers.has(key.id));
  if (silent) throw new Refusal('keyset-proof-missing', `the new key ${silent.id} did not sign the keyset`);
  return { keyset, recovered: !enough };
}

export interface IndexRelease {
  version: string;
  component: string;
  ociManifest: string;
  size: number;
  status: string;
}

export interface Index {
  registry: string;
  name: string;
  logSize: number;
  expires: number;
  releases: IndexRelease[];
}

/** Reads the index of a package, as far as one release needs it. */
export async function readIndex(payload: Bytes, atMost: number): Promise<Index> {
  const { predicate, take, end } = read(
    payload,
    'index',
    ['registry', 'name', 'log_size', 'issued', 'expires', 'releases'],
    ['deprecated', 'advisories'],
    atMost,
  );
  const [registry, name] = texts(predicate, 'registry', 'name') as [string, string];
  if (take('name') !== `sha256:${hex(await sha256(utf8(name)))}`) throw malformed('its subject `name` is not its name');
  end();
  const { log_size: logSize, expires, releases } = predicate;
  if (!isCount(logSize) || !isCount(expires) || !Array.isArray(releases))
    throw malformed('`log_size`, `expires` or `releases` is of another kind');
  return {
    registry,
    name,
    logSize,
    expires,
    releases: releases.map((release) => {
      const known = ['version', 'component', 'oci_manifest', 'size', 'released_at', 'status'] as const;
      const { version, component, oci_manifest: ociManifest, size, status } = shape(release, known, [], malformed);
      if (!isText(version) || !isText(component) || !isText(ociManifest) || !isCount(size) || !isText(status))
        throw malformed('a release of it');
      return { version, component, ociManifest, size, status };
    }),
  };
}
