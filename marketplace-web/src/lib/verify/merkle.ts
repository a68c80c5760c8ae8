import { concat, equal, sha256, type Bytes } from './bytes';
import { Refusal } from './refusal';

/** The hash of an entry (RFC 6962, section 2.1). */
export function leafHash(entry: Bytes): Promise<Bytes> {
  return sha256(concat(new Uint8Array([0]), entry));
}

function nodeHash(left: Bytes, right: Bytes): Promise<Bytes> {
  return sha256(concat(new Uint8Array([1]), left, right));
}

// Halves, not shifts: a shift would cut an index to 32 bits.
const half = (n: number) => Math.floor(n / 2);
const isOdd = (n: number) => n % 2 === 1;

/** Whether the proof takes an entry's hash at this index to this root (RFC 9162, 2.1.3.2). `log-inclusion-invalid`. */
export async function verifyInclusion(
  leaf: Bytes,
  index: number,
  size: number,
  proof: Bytes[],
  root: Bytes,
): Promise<void> {
  const invalid = (why: string) => new Refusal('log-inclusion-invalid', `the inclusion proof ${why}`);
  if (index >= size) throw invalid(`is for entry ${index} of a tree of ${size}`);
  let [at, last, hash] = [index, size - 1, leaf];
  for (const beside of proof) {
    if (last === 0) throw invalid('is too long');
    if (isOdd(at) || at === last) {
      hash = await nodeHash(beside, hash);
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      hash = await nodeHash(hash, beside);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) throw invalid('is too short');
  if (!equal(hash, root)) throw invalid('does not lead to the checkpoint’s root');
}

/** Whether the tree `(to, newRoot)` begins with the tree `(from, oldRoot)` (RFC 9162, 2.1.4.2). `log-rollback`, `log-consistency-invalid`. */
export async function verifyConsistency(
  from: number,
  oldRoot: Bytes,
  to: number,
  newRoot: Bytes,
  proof: Bytes[],
): Promise<void> {
  const invalid = (why: string) => new Refusal('log-consistency-invalid', `the consistency proof ${why}`);
  if (from > to) throw new Refusal('log-rollback', `the log went back from size ${from} to ${to}`);
  const empty = await sha256(new Uint8Array());
  if (from === 0 || from === to) {
    if (proof.length > 0) throw invalid('is too long');
    const same = equal(oldRoot, from === 0 ? empty : newRoot) && (to > 0 || equal(newRoot, empty));
    if (!same) throw invalid('has two roots for one size');
    return;
  }
  let [at, last] = [from - 1, to - 1];
  while (isOdd(at)) [at, last] = [half(at), half(last)];
  const isPowerOfTwo = Number.isInteger(Math.log2(from));
  const [seed, ...rest] = isPowerOfTwo ? [oldRoot, ...proof] : proof;
  if (!seed) throw invalid('is too short');
  let [old, recent] = [seed, seed];
  for (const beside of rest) {
    if (last === 0) throw invalid('is too long');
    if (isOdd(at) || at === last) {
      old = await nodeHash(beside, old);
      recent = await nodeHash(beside, recent);
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      recent = await nodeHash(recent, beside);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) throw invalid('is too short');
  if (!equal(old, oldRoot) || !equal(recent, newRoot)) {
    throw invalid('does not join the two roots: the log was changed, or shows two faces');
  }
}
