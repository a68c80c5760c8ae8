import { entryHash, bundleOf, parseIndexBundle, verified, type Bundle } from './bundle';
import { fromBase64, fromHex, hex, type Bytes } from './bytes';
import { PublicKey } from './ed25519';
import { BUNDLES, EVIDENCE_BYTES, INDEX_BYTES, KEYSET_VERSIONS, PROOF_HASHES } from './limits';
import { verifyConsistency, verifyInclusion } from './merkle';
import { cosigners, openCheckpoint, parseKey, parseNote, type Checkpoint, type Note, type VerifierKey } from './note';
import { Refusal } from './refusal';
import {
  acceptKeyset,
  readAudit,
  readChecks,
  readIndex,
  readPublish,
  readStatus,
  type Audit,
  type Keyset,
  type Publish,
  type Status,
} from './statement';
import { isCount, isText, parse, shape, type Json } from './strict-json';

// A release's evidence, held against the registry's keys in the order of docs/spec/admission.md. What a host's policy adds (which
// audits, which age, which imports) is the host's to ask; here is what everybody can check.

/** A registry's keys, as this browser knows them. */
export interface Keys {
  origin: string;
  log: VerifierKey;
  statements: PublicKey;
  witnessPolicy: string | null;
}

/** Reads the keys that a registry names for itself. */
export async function readKeys(about: {
  origin: string;
  log_key: string;
  statements_key: string;
  witness_policy: string | null;
}): Promise<Keys> {
  const bytes = fromHex(about.statements_key);
  if (!bytes) throw new Refusal('key-malformed', 'the registry’s statements key is not 64 hex digits');
  return {
    origin: about.origin,
    log: await parseKey(about.log_key),
    statements: await PublicKey.of(bytes),
    witnessPolicy: about.witness_policy,
  };
}

export interface Logged {
  bundle: Bundle;
  index: number;
  proof: Bytes[];
}

export interface Evidence {
  checkpoint: Note;
  publish: Logged[];
  keysets: Logged[][];
  checks: Logged[];
  audits: Logged[];
  statuses: Logged[];
}

const malformed = (message: string) => new Refusal('evidence-malformed', `the evidence: ${message}`);

/** `evidence-too-large`, `evidence-malformed`, the codes of strict JSON, bundles and notes. */
export function parseEvidence(bytes: Bytes): Evidence {
  if (bytes.length > EVIDENCE_BYTES)
    throw new Refusal('evidence-too-large', `the evidence has ${bytes.length} bytes: at most ${EVIDENCE_BYTES}`);
  const whole = shape(
    parse(bytes),
    ['checkpoint', 'publish', 'keysets', 'checks', 'audits', 'statuses'],
    [],
    malformed,
  );
  if (!isText(whole.checkpoint)) throw malformed('its checkpoint is no text');
  if (!Array.isArray(whole.keysets) || whole.keysets.length > KEYSET_VERSIONS)
    throw malformed('its keysets are no list');
  return {
    checkpoint: parseNote(whole.checkpoint),
    publish: statements(whole.publish),
    keysets: whole.keysets.map(statements),
    checks: statements(whole.checks),
    audits: statements(whole.audits),
    statuses: statements(whole.statuses),
  };
}

function statements(value: Json): Logged[] {
  if (!Array.isArray(value) || value.length > BUNDLES) throw malformed(`statements are no list of at most ${BUNDLES}`);
  return value.map((item) => {
    const { bundle, index, proof } = shape(item, ['bundle', 'index', 'proof'], [], malformed);
    if (!isCount(index) || !Array.isArray(proof) || proof.length > PROOF_HASHES)
      throw malformed('a statement has no index or proof');
    const hashes = proof.map((hash) => {
      const bytes = isText(hash) ? fromBase64(hash) : undefined;
      if (bytes?.length !== 32) throw malformed('a proof holds what is not the base64 of 32 bytes');
      return bytes;
    });
    return { bundle: bundleOf(bundle), index, proof: hashes };
  });
}

async function included(logged: Logged, key: PublicKey, checkpoint: Checkpoint): Promise<void> {
  await verifyInclusion(
    await entryHash(logged.bundle, key),
    logged.index,
    checkpoint.size,
    logged.proof,
    checkpoint.root,
  );
}

/** One thing that was looked at. The first that does not hold ends it. */
export interface Step {
  name: string;
  /** What it asks, for a person. */
  asks: string;
  /** What was found, or why not. */
  detail: string;
  ok: boolean;
  /** Of the refusal. */
  code?: string;
}

/** What the page says of the release, to be held against what was signed. */
export interface Claim {
  name: string;
  version: string;
  component: string;
  ociManifest: string;
  manifestDigest: string | null;
}

/** What the log shows now, and how it goes on from what was shown before. */
export interface Head {
  note: Note;
  /** The proof that it goes on from the evidence's checkpoint. */
  fromEvidence: Bytes[];
  /** What this browser saw before, and the proof that it goes on from there. */
  seen: { size: number; root: Bytes; proof: Bytes[] } | undefined;
}

/** A keyset with its place in the log. */
export interface Link {
  keyset: Keyset;
  since: number;
  recovered: boolean;
}

/** A verdict whose signature can be verified by whoever has the reviewer's key. */
export interface SignedAudit {
  keyId: string;
  index: number;
  /** What it says, unverified. */
  says: Audit;
  logged: Logged;
}

export interface Examined {
  steps: Step[];
  ok: boolean;
  checkpoint?: Checkpoint;
  /** The log's newest head, which goes on from the one before. */
  newest?: Checkpoint;
  cosigned: string[];
  chain: Link[];
  publish?: Publish;
  signers: { id: string; index: number }[];
  statuses: Said[];
  audits: SignedAudit[];
}

/** What was said about the release or a key, by whose key. */
export interface Said {
  index: number;
  by: 'owner' | 'registry';
  key: string;
  status: Status;
}

/** Holds a release's evidence against the registry's keys. Never throws: what does not hold is a step that says so. */
export async function examine(
  claim: Claim,
  evidence: Bytes,
  indexBundle: Bytes,
  keys: Keys,
  findHead: (checkpoint: Checkpoint) => Promise<Head>,
  nowMs: number,
): Promise<Examined> {
  const result: Examined = { steps: [], ok: false, cosigned: [], chain: [], signers: [], statuses: [], audits: [] };
  const step = async <T>(name: string, asks: string, run: () => Promise<[string, T]> | [string, T]): Promise<T> => {
    try {
      const [detail, value] = await run();
      result.steps.push({ name, asks, detail, ok: true });
      return value;
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 'unverifiable';
      result.steps.push({
        name,
        asks,
        detail: error instanceof Error ? error.message : String(error),
        ok: false,
        code,
      });
      throw error;
    }
  };
  try {
    const read = await step('evidence', 'Can the registry’s evidence be read, without two meanings?', () => {
      const read = parseEvidence(evidence);
      const count =
        read.publish.length +
        read.keysets.flat().length +
        read.checks.length +
        read.audits.length +
        read.statuses.length;
      return [count === 1 ? '1 signed statement' : `${count} signed statements`, read];
    });
    await step('index', 'Does the registry’s signed index name exactly this release?', async () => {
      const index = await readIndex(await verified(parseIndexBundle(indexBundle), keys.statements), INDEX_BYTES);
      same('audience-mismatch', 'registry', keys.origin, index.registry);
      same('name-mismatch', 'package', claim.name, index.name);
      if (index.expires / 1000 <= nowMs)
        throw new Refusal(
          'index-stale',
          'the index has expired: what has become of the release since, nobody has said',
        );
      const release = index.releases.find((release) => release.version === claim.version);
      if (!release) throw new Refusal('release-not-found', `the index has no ${claim.version}`);
      same('component-mismatch', 'component', release.component, claim.component);
      same('subject-mismatch', 'OCI manifest', release.ociManifest, claim.ociManifest);
      return [`signed by ${short(keys.statements.id)}, ${release.status}`, undefined];
    });
    const checkpoint = await step('checkpoint', 'Did the log sign the head of its tree?', async () => {
      const checkpoint = await openCheckpoint(read.checkpoint, keys.log);
      return [`${checkpoint.origin}, ${checkpoint.size} entries, by key ${keys.log.id}`, checkpoint];
    });
    result.checkpoint = checkpoint;
    await step('witnesses', 'Who else has vouched that nothing before was changed?', async () => {
      const { asked, cosigned } = await cosigners(read.checkpoint, keys.witnessPolicy);
      result.cosigned = cosigned;
      const most = Math.floor(asked / 2) + 1;
      if (asked > 0 && cosigned.length < most)
        throw new Refusal('log-quorum', `${cosigned.length} of ${asked} witnesses cosigned: ${most} must`);
      return [
        asked === 0 ? 'this registry has no witnesses' : `${cosigned.length} of ${asked}: ${cosigned.join(', ')}`,
        undefined,
      ];
    });
    const [head, newest] = await step(
      'log-one-face',
      'Does the newest head of the log go on from this one?',
      async () => {
        const head = await findHead(checkpoint);
        const newest = await openCheckpoint(head.note, keys.log);
        await verifyConsistency(checkpoint.size, checkpoint.root, newest.size, newest.root, head.fromEvidence);
        return [`${newest.size} entries now`, [head, newest] as const];
      },
    );
    await step('log-growth', 'Does it go on from what this browser saw before?', async () => {
      if (!head.seen) return ['nothing was seen before', undefined];
      await verifyConsistency(head.seen.size, head.seen.root, newest.size, newest.root, head.seen.proof);
      return [`${head.seen.size} entries were seen before`, undefined];
    });
    result.newest = newest;
    result.chain = await step(
      'keysets',
      'Does each keyset of the namespace follow from the one before, in the log too?',
      async () => {
        const chain = await chainOf(claim, read, keys, checkpoint);
        const newest = chain[chain.length - 1];
        return [
          `${chain.length} ${chain.length === 1 ? 'version' : 'versions'}; now ${newest?.keyset.threshold} of ${newest?.keyset.keys.length} must sign`,
          chain,
        ];
      },
    );
    const { chain } = result;
    result.statuses = await step(
      'statuses',
      'Is all that was said since signed by who may, and in the log?',
      async () => {
        const all = await statusesOf(read, chain, keys, checkpoint);
        return [
          all.length === 0 ? 'nothing was said' : all.length === 1 ? '1 statement' : `${all.length} statements`,
          all,
        ];
      },
    );
    const published = await step(
      'publish-signatures',
      'Did the namespace’s keys sign this release, and does the log have it?',
      async () => {
        const found = await publishedBy(claim, read, chain, result.statuses, checkpoint);
        result.signers = found.signers;
        return [
          found.signers.map((signer) => `${short(signer.id)} at entry ${signer.index}`).join(', '),
          found.payload,
        ];
      },
    );
    result.publish = await step('statement', 'Does the signed statement say what this page says?', () => {
      const publish = readPublish(published);
      if (publish.ociManifest) same('subject-mismatch', 'OCI manifest', publish.ociManifest, claim.ociManifest);
      if (!publish.registry) throw new Refusal('audience-missing', 'it names no registry');
      same('audience-mismatch', 'registry', publish.registry, keys.origin);
      same('subject-mismatch', 'component', publish.component, claim.component);
      same('name-mismatch', 'name', publish.name, claim.name);
      same('version-mismatch', 'version', publish.version, claim.version);
      if (claim.manifestDigest) same('manifest-mismatch', 'manifest', publish.manifestDigest, claim.manifestDigest);
      return [`${publish.name} ${publish.version} for ${publish.registry}, ${short(publish.component)}`, publish];
    });
    await step('checks', 'Did the registry sign that it checked exactly this?', async () => {
      const ours = read.checks.filter((logged) => logged.bundle.keyHint === keys.statements.id);
      let refusal: unknown = new Refusal('checks-missing', `\`${keys.origin}\` does not say that it checked this`);
      for (const logged of ours) {
        const checks = readChecks(await verified(logged.bundle, keys.statements));
        await included(logged, keys.statements, checkpoint);
        try {
          same('audience-mismatch', 'registry', keys.origin, checks.registry);
          same('checks-mismatch', 'name', checks.name, claim.name);
          same('checks-mismatch', 'version', checks.version, claim.version);
          same('checks-mismatch', 'component', checks.component, claim.component);
          return [`${checks.passed.length} rules passed, ruleset ${checks.ruleset}, entry ${logged.index}`, undefined];
        } catch (error) {
          refusal = error;
        }
      }
      throw refusal;
    });
    result.audits = read.audits.map((logged) => ({
      keyId: logged.bundle.keyHint,
      index: logged.index,
      says: readAudit(logged.bundle.payload),
      logged,
    }));
    await step('status', 'Was it taken back since?', () => {
      const taken = standing(result.statuses, claim).find(
        ({ status }) => status.expires === undefined || status.expires / 1000 > nowMs,
      );
      if (taken)
        throw new Refusal(
          `release-${WORDS[taken.status.action]}`,
          `it was ${WORDS[taken.status.action]} by ${taken.status.by.replace(/^user:/, '')}: ${taken.status.reason}`,
        );
      return ['no', undefined];
    });
    result.ok = true;
  } catch {
    result.ok = false;
  }
  return result;
}

const WORDS = { yank: 'yanked', quarantine: 'quarantined', revoke: 'revoked', lift: 'lifted' } as const;

/** Verifies a verdict by the reviewer's public key. The codes of signatures, and `log-inclusion-invalid`. */
export async function verifyAudit(
  audit: SignedAudit,
  key: PublicKey,
  checkpoint: Checkpoint,
  claim: Claim,
): Promise<Audit> {
  if (key.id !== audit.keyId)
    throw new Refusal('signer-unknown', `that is key ${short(key.id)}, and ${short(audit.keyId)} signed`);
  const says = readAudit(await verified(audit.logged.bundle, key));
  await included(audit.logged, key, checkpoint);
  same('audit-mismatch', 'component', says.component, claim.component);
  return says;
}

async function chainOf(claim: Claim, evidence: Evidence, keys: Keys, checkpoint: Checkpoint): Promise<Link[]> {
  const chain: Link[] = [];
  const [namespace] = claim.name.split(':');
  for (const version of evidence.keysets) {
    const previous = chain[chain.length - 1];
    const { keyset, recovered } = await acceptKeyset(
      previous?.keyset,
      version.map((logged) => logged.bundle),
      keys.statements,
    );
    const may = [...keyset.keys, ...(previous?.keyset.keys ?? []), ...(recovered ? [keys.statements] : [])];
    let since = 0;
    for (const logged of version) {
      // A signature of a stranger helps nobody, and need not be in the log.
      const key = may.find((key) => key.id === logged.bundle.keyHint);
      if (!key) continue;
      await included(logged, key, checkpoint);
      since = Math.max(since, logged.index);
    }
    if (previous && previous.since >= since)
      throw new Refusal('keyset-order', `version ${keyset.version} stands in the log before the one it follows`);
    chain.push({ keyset, since, recovered });
  }
  const last = chain[chain.length - 1];
  if (!last) throw new Refusal('keyset-missing', `the evidence has no keyset of \`${namespace}\``);
  if (last.keyset.namespace !== namespace)
    throw new Refusal('keyset-namespace', `the keyset is one of \`${last.keyset.namespace}\``);
  return chain;
}

/** The keyset that counts for an entry: the log's order is the clock. */
function at(chain: Link[], index: number): Keyset | undefined {
  return chain.findLast((link) => link.since < index)?.keyset;
}

async function statusesOf(evidence: Evidence, chain: Link[], keys: Keys, checkpoint: Checkpoint): Promise<Said[]> {
  const all: Said[] = [];
  for (const logged of evidence.statuses) {
    const isRegistry = logged.bundle.keyHint === keys.statements.id;
    const key = isRegistry
      ? keys.statements
      : at(chain, logged.index)?.keys.find((key) => key.id === logged.bundle.keyHint);
    if (!key)
      throw new Refusal('status-signer', `a status is signed by key ${short(logged.bundle.keyHint)}, which may not`);
    const status = readStatus(await verified(logged.bundle, key));
    same('audience-mismatch', 'registry', keys.origin, status.registry);
    await included(logged, key, checkpoint);
    all.push({ index: logged.index, by: isRegistry ? 'registry' : 'owner', key: key.id, status });
  }
  return all.sort((a, b) => a.index - b.index);
}

/** What still counts of what was said about something: an owner lifts what owners said, the registry lifts all, a revoked key nothing. */
function countsOf(all: Said[], isAbout: (status: Status) => boolean): Said[] {
  let standing: Said[] = [];
  for (const said of all) {
    if (!isAbout(said.status)) continue;
    if (said.status.action !== 'lift') standing.push(said);
    else if (said.by === 'registry') standing = [];
    else if (!isRevokedPlainly(all, said.key, said.index))
      standing = standing.filter((before) => before.by === 'registry');
  }
  return standing;
}

function isRevokedPlainly(all: Said[], key: string, index: number): boolean {
  return all.some(
    ({ status }) =>
      'key' in status.subject &&
      status.subject.key.id === key &&
      status.action === 'revoke' &&
      (status.sinceIndex ?? 0) <= index,
  );
}

function standing(all: Said[], claim: Claim): Said[] {
  return countsOf(
    all,
    ({ subject }) =>
      'release' in subject && subject.release.name === claim.name && subject.release.component === claim.component,
  );
}

async function publishedBy(
  claim: Claim,
  evidence: Evidence,
  chain: Link[],
  statuses: Said[],
  checkpoint: Checkpoint,
): Promise<{ payload: Bytes; signers: { id: string; index: number }[] }> {
  const [namespace] = claim.name.split(':');
  if (evidence.publish.length === 0) throw new Refusal('signature-missing', 'the evidence has no publish statement');
  const found = new Map<string, { payload: Bytes; signers: { id: string; index: number }[] }>();
  let revoked: Refusal | undefined;
  for (const logged of evidence.publish) {
    const hint = logged.bundle.keyHint;
    const keyset = at(chain, logged.index);
    const key = keyset?.keys.find((key) => key.id === hint);
    if (!keyset || !key)
      throw new Refusal(
        'key-not-in-keyset',
        `key ${short(hint)} signed entry ${logged.index}, and was not one of \`${namespace}\` then`,
      );
    const payload = await verified(logged.bundle, key);
    await included(logged, key, checkpoint);
    const against = countsOf(
      statuses,
      ({ subject }) => 'key' in subject && subject.key.namespace === namespace && subject.key.id === hint,
    ).find(({ status }) => status.action === 'revoke' && (status.sinceIndex ?? 0) <= logged.index);
    if (against) {
      revoked ??= new Refusal('key-revoked', `key ${short(hint)} is revoked: ${against.status.reason}`);
      continue;
    }
    const text = hex(payload);
    const signed = found.get(text) ?? { payload, signers: [] };
    if (!signed.signers.some((signer) => signer.id === hint)) signed.signers.push({ id: hint, index: logged.index });
    found.set(text, signed);
  }
  const best = [...found.values()].sort((a, b) => b.signers.length - a.signers.length)[0];
  if (!best) throw revoked ?? new Refusal('signature-missing', 'nobody whose key counts has signed');
  // As many as the keyset asks for that counted when the last of them signed.
  const keyset = at(chain, Math.max(...best.signers.map((signer) => signer.index)));
  const counted = best.signers.filter((signer) => keyset?.keys.some((key) => key.id === signer.id)).length;
  const needed = keyset?.threshold ?? 1;
  if (counted < needed)
    throw revoked ?? new Refusal('threshold-not-met', `${counted} keys signed the same statement: ${needed} must`);
  return best;
}

function same(code: string, what: string, expected: string, found: string): void {
  if (expected !== found) throw new Refusal(code, `the ${what} is \`${found}\`: expected \`${expected}\``);
}

/** A digest or key id, cut for a person. */
export function short(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}
