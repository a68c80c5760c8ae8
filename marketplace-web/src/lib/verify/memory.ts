import type { Registry, Name } from '$lib/api/registry';
import type { About } from '$lib/api/types';
import { base64, fromBase64, type Bytes } from './bytes';
import { whyNot } from './ed25519';
import { examine, readKeys, type Claim, type Examined, type Head, type Keys } from './evidence';
import { verifyConsistency } from './merkle';
import { cosigners, openCheckpoint, parseNote, type Checkpoint } from './note';
import { Refusal } from './refusal';

// What this browser remembers of a registry: the keys that it came with first, and the largest head of its log. A registry that
// comes with other keys later, or whose log shrinks, is caught.

interface Remembered {
  log_key: string;
  statements_key: string;
  /** Milliseconds since 1970. */
  since: number;
  size: number;
  /** Base64. */
  root: string;
}

const KEY = 'registry';

function remembered(origin: string): Remembered | undefined {
  try {
    return JSON.parse(localStorage.getItem(`${KEY}:${origin}`) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(about: About, newest: Checkpoint): void {
  const before = remembered(about.origin);
  const now: Remembered = {
    log_key: about.log_key,
    statements_key: about.statements_key,
    since: before?.since ?? Date.now(),
    size: newest.size,
    root: base64(newest.root),
  };
  if ((before?.size ?? 0) <= newest.size) localStorage.setItem(`${KEY}:${about.origin}`, JSON.stringify(now));
}

/** A registry's keys, and since when this browser knows them; none: since now. */
export interface Known {
  about: About;
  keys: Keys;
  since: Date | undefined;
}

/** `registry-keys-changed`, and the codes of keys. */
async function know(registry: Registry): Promise<Known> {
  const reason = await whyNot();
  if (reason) throw new Refusal('browser-cannot-verify', reason);
  const about = await registry.about();
  const keys = await readKeys(about);
  const before = remembered(about.origin);
  if (before && (before.log_key !== about.log_key || before.statements_key !== about.statements_key)) {
    throw new Refusal(
      'registry-keys-changed',
      `\`${about.origin}\` came with other keys since ${new Date(before.since).toDateString()}. Ask its operator by another way before you believe it.`,
    );
  }
  return { about, keys, since: before ? new Date(before.since) : undefined };
}

function hashes(list: string[]): Bytes[] {
  return list.map((hash) => fromBase64(hash) ?? new Uint8Array());
}

async function grown(registry: Registry, from: number, to: number): Promise<Bytes[]> {
  if (from === 0 || from >= to) return [];
  return hashes((await registry.consistency(from, to)).hashes);
}

function seenOf(origin: string): { size: number; root: Bytes } | undefined {
  const before = remembered(origin);
  const root = before ? fromBase64(before.root) : undefined;
  return before && root?.length === 32 ? { size: before.size, root } : undefined;
}

/** A release that was held against its evidence, here. */
export interface Verification extends Examined {
  known: Known;
}

/** Fetches all that speaks for a release and holds it, in this browser. Throws what kept it from being looked at at all. */
export async function verifyRelease(registry: Registry, name: Name, claim: Claim): Promise<Verification> {
  const known = await know(registry);
  const { about, keys } = known;
  const [evidence, index] = await Promise.all([registry.evidence(name, claim.version), registry.index(name)]);
  const findHead = async (checkpoint: Checkpoint): Promise<Head> => {
    const note = parseNote(await registry.checkpoint());
    const { size } = await openCheckpoint(note, keys.log);
    const seen = seenOf(about.origin);
    return {
      note,
      fromEvidence: await grown(registry, checkpoint.size, size),
      seen: seen && { ...seen, proof: await grown(registry, seen.size, size) },
    };
  };
  const examined = await examine(claim, evidence, index, keys, findHead, Date.now());
  if (examined.newest) remember(about, examined.newest);
  return { ...examined, known };
}

/** The log's head, verified here. */
export interface LogHead {
  known: Known;
  checkpoint: Checkpoint;
  note: string;
  cosigned: string[];
  asked: number;
  /** What was seen before, and follows. */
  seenSize: number | undefined;
}

export async function verifyLog(registry: Registry): Promise<LogHead> {
  const known = await know(registry);
  const { about, keys } = known;
  const text = await registry.checkpoint();
  const note = parseNote(text);
  const checkpoint = await openCheckpoint(note, keys.log);
  const { asked, cosigned } = await cosigners(note, keys.witnessPolicy);
  const seen = seenOf(about.origin);
  if (seen)
    await verifyConsistency(
      seen.size,
      seen.root,
      checkpoint.size,
      checkpoint.root,
      await grown(registry, seen.size, checkpoint.size),
    );
  remember(about, checkpoint);
  return { known, checkpoint, note: text, asked, cosigned, seenSize: seen?.size };
}
