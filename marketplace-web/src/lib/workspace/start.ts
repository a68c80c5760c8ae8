import type { CreatedFile } from '$lib/api/workspace';

/** Lines of a file that are shown before it is saved: enough to see what it is. */
export const START_LINES = 20;
/** Bytes of it that are looked at. */
export const START_BYTES = 4 << 10;

const TEXT = /^(text\/.*|application\/(.*\+)?(json|jsonl|ndjson|x-ndjson|json-lines|jsonlines|csv|yaml|xml))$/;
const TEXT_NAME = /\.(txt|json|jsonl|ndjson|csv|tsv|md)$/i;

/** How a file begins, if it is text in UTF-8; and whether there is more of it. */
export function startOf({ name, media_type, base64 }: CreatedFile): { text: string; more: boolean } | undefined {
  const type = media_type.split(';')[0]!.trim().toLowerCase();
  if (!TEXT.test(type) && !TEXT_NAME.test(name)) return undefined;
  // A multiple of three bytes is one of four characters of base64: one byte more than is shown says whether there is more.
  const read = Uint8Array.from(atob(base64.slice(0, 4 * Math.ceil((START_BYTES + 1) / 3))), (char) =>
    char.charCodeAt(0),
  );
  const isCut = read.length > START_BYTES;
  let whole: string;
  try {
    // A character that the cut went through is waited for, and left out.
    whole = new TextDecoder('utf-8', { fatal: true }).decode(read.subarray(0, START_BYTES), { stream: isCut });
  } catch {
    return undefined;
  }
  if (whole.includes('\0') || whole === '') return undefined;
  const lines = whole.split('\n');
  const isEnded = lines.at(-1) === '';
  const count = isEnded ? lines.length - 1 : lines.length;
  return { text: lines.slice(0, Math.min(count, START_LINES)).join('\n'), more: isCut || count > START_LINES };
}
