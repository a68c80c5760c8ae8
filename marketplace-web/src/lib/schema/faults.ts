/** A place in a value, by JSON pointer (RFC 6901), and what is wrong with it. */
export interface Fault {
  pointer: string;
  detail: string;
}

/** What is wrong with a value, by JSON pointer: `''` is the whole. */
export type Faults = ReadonlyMap<string, readonly string[]>;

export const NO_FAULTS: Faults = new Map();

/** What a server says of single places, in the order in which it does. */
export function faultsOf(errors: readonly Fault[]): Faults {
  const faults = new Map<string, string[]>();
  for (const { pointer, detail } of errors) faults.set(pointer, [...(faults.get(pointer) ?? []), detail]);
  return faults;
}

/** A pointer one step further down (RFC 6901). */
export function below(pointer: string, step: string | number): string {
  return `${pointer}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
