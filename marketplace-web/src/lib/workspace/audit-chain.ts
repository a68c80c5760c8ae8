import { concat, equal, fromHex, hex, sha256, utf8, type Bytes } from '../verify/bytes';

// A workspace's audit log, checked without asking its server whether it is right: docs/reference/workspaces.md.

/** What came of it. */
export interface Chain {
  /** Lines that follow from the one before, the first included. */
  lines: number;
  /** The number of the first line that is kept. What is old is forgotten from the front. */
  first?: number;
  /** The hash of the last line that holds. Whoever keeps it elsewhere can tell whether anything before it was changed. */
  newest?: string;
  /** The line that does not follow. */
  brokenAt?: number;
  /** The number of the line that has the hash that was noted. */
  noted?: number;
}

interface Line {
  number: number;
  hash: string;
}

/** Holds an export, a page of JSON lines at a time, against itself; and against a hash that was noted before, if there is one. */
export async function checkChain(workspace: string, pages: AsyncIterable<string>, noted?: string): Promise<Chain> {
  const chain: Chain = { lines: 0 };
  let before: { number: number; hash: Bytes } | undefined;
  for await (const page of pages) {
    for (const text of page.split('\n').filter((text) => text !== '')) {
      const line = parse(text);
      const hash = line && fromHex(line.hash);
      if (!line || !hash || !(await follows(workspace, line, hash, before)))
        return { ...chain, brokenAt: line?.number ?? (before?.number ?? 0) + 1 };
      before = { number: line.number, hash };
      chain.lines += 1;
      chain.first ??= line.number;
      chain.newest = line.hash;
      if (line.hash === noted) chain.noted = line.number;
    }
  }
  return chain;
}

/** The first line begins with 32 zero bytes; if it is forgotten, the first that is left is believed, and the rest follows from it. */
async function follows(
  workspace: string,
  line: Line,
  hash: Bytes,
  before: { number: number; hash: Bytes } | undefined,
): Promise<boolean> {
  if (!before && line.number !== 1) return true;
  if (before && line.number !== before.number + 1) return false;
  const computed = await sha256(concat(before?.hash ?? new Uint8Array(32), hashed(workspace, line)));
  return equal(computed, hash);
}

/** The line as it is hashed: its keys in this order, and nothing else. */
function hashed(workspace: string, line: Line): Bytes {
  const { number, at, caller, action, target, allowed, detail } = line as Line & Record<string, unknown>;
  return utf8(JSON.stringify({ workspace, number, at, caller, action, target, allowed, detail }));
}

function parse(text: string): Line | undefined {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { number, hash } = (line ?? {}) as Partial<Line>;
  return Number.isSafeInteger(number) && typeof hash === 'string' ? (line as Line) : undefined;
}

/** A hash as somebody noted it. */
export function asNoted(text: string): string | undefined {
  const bytes = fromHex(text.trim().toLowerCase());
  return bytes?.length === 32 ? hex(bytes) : undefined;
}
