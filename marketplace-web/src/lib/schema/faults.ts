/** What a server says is wrong with a value, by JSON pointer: `''` is the whole. */
export type Faults = ReadonlyMap<string, readonly string[]>;

export const NO_FAULTS: Faults = new Map();

/**
 * Reads what stands after `…does not fit …: ` or `…do not fit …: ` in a refusal: ```/url`: what is wrong; the value: what is wrong``.
 * None if a refusal says no such thing.
 */
export function faultsOf(detail: string): Faults {
  const list = /\bdo(?:es)? not fit `[^`]*`: (.+)$/s.exec(detail)?.[1];
  const faults = new Map<string, string[]>();
  for (const line of list?.split(/; (?=`\/|the value: )/) ?? []) {
    const [, pointer = '', says = line] = /^(?:`([^`]*)`|the value): (.*)$/s.exec(line) ?? [];
    const at = pointer + missing(says);
    faults.set(at, [...(faults.get(at) ?? []), says]);
  }
  return faults;
}

/** What is missing is said of the whole; its place is where it should be. */
function missing(says: string): string {
  const name = /^"([^"]+)" is a required property$/.exec(says)?.[1];
  return name === undefined ? '' : below('', name);
}

/** A pointer one step further down (RFC 6901). */
export function below(pointer: string, step: string | number): string {
  return `${pointer}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
