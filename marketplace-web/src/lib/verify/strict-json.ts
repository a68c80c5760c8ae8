import { text as decode, type Bytes } from './bytes';
import { JSON_DEPTH } from './limits';
import { Refusal } from './refusal';

/** JSON without its ambiguities. Integers that a double can't hold exactly come as bigint. */
export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

const SMALLEST = -(2n ** 63n);
const LARGEST = 2n ** 64n - 1n;
const ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/**
 * Reads one JSON value (RFC 8259) as strictly as docs/spec/manifest.md says: `json-bom`, `json-not-utf8`, `json-duplicate-key`,
 * `json-too-deep`, `json-trailing`, `json-float`, `json-malformed`. The browser's own reader takes the last of two equal keys, and
 * another reader the first: what is signed must read the same everywhere.
 */
export function parse(bytes: Bytes): Json {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new Refusal('json-bom', 'the JSON begins with a byte order mark');
  }
  const source = decode(bytes);
  if (source === undefined) throw new Refusal('json-not-utf8', 'the JSON is not UTF-8');
  const reader = new Reader(source);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private at = 0;

  constructor(private readonly source: string) {}

  value(depth: number): Json {
    this.space();
    const first = this.source[this.at];
    if (first === '{') return this.object(depth);
    if (first === '[') return this.array(depth);
    if (first === '"') return this.string();
    if (first === '-' || (first !== undefined && first >= '0' && first <= '9')) return this.number();
    for (const [word, value] of [
      ['null', null],
      ['true', true],
      ['false', false],
    ] as const) {
      if (this.source.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    throw this.malformed();
  }

  end(): void {
    this.space();
    if (this.at < this.source.length) throw new Refusal('json-trailing', 'something follows the JSON value');
  }

  private object(depth: number): Json {
    this.deeper(depth);
    const members = new Map<string, Json>();
    this.at += 1;
    this.space();
    if (this.taken('}')) return {};
    do {
      this.space();
      if (this.source[this.at] !== '"') throw this.malformed();
      const key = this.string();
      if (members.has(key)) throw new Refusal('json-duplicate-key', `the key \`${key}\` stands twice in one object`);
      this.space();
      if (!this.taken(':')) throw this.malformed();
      members.set(key, this.value(depth + 1));
      this.space();
    } while (this.taken(','));
    if (!this.taken('}')) throw this.malformed();
    // Without a prototype, so that no key means anything else.
    return Object.assign(Object.create(null) as Record<string, Json>, Object.fromEntries(members));
  }

  private array(depth: number): Json {
    this.deeper(depth);
    const items: Json[] = [];
    this.at += 1;
    this.space();
    if (this.taken(']')) return items;
    do {
      items.push(this.value(depth + 1));
      this.space();
    } while (this.taken(','));
    if (!this.taken(']')) throw this.malformed();
    return items;
  }

  private string(): string {
    let read = '';
    this.at += 1;
    for (;;) {
      const letter = this.source[this.at];
      if (letter === undefined || letter < ' ') throw this.malformed();
      this.at += 1;
      if (letter === '"') break;
      read += letter === '\\' ? this.escape() : letter;
    }
    // Half of a surrogate pair is no character, and has no UTF-8.
    if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(read)) throw this.malformed();
    return read;
  }

  private escape(): string {
    const letter = this.source[this.at];
    this.at += 1;
    if (letter === 'u') {
      const digits = this.source.slice(this.at, this.at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.malformed();
      this.at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meant = letter === undefined ? undefined : ESCAPES[letter];
    if (meant === undefined) throw this.malformed();
    return meant;
  }

  private number(): number | bigint {
    const found = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/.exec(
      this.source.slice(this.at, this.at + 400),
    );
    if (!found) throw this.malformed();
    const [digits] = found;
    this.at += digits.length;
    const isInteger = /^-?[0-9]+$/.test(digits) && digits !== '-0';
    const value = isInteger ? BigInt(digits) : undefined;
    if (value === undefined || value < SMALLEST || value > LARGEST) {
      throw new Refusal('json-float', `\`${digits}\` is not an integer of 64 bits`);
    }
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  private deeper(depth: number): void {
    if (depth === JSON_DEPTH) throw new Refusal('json-too-deep', `nested deeper than ${JSON_DEPTH} levels`);
  }

  private taken(letter: string): boolean {
    if (this.source[this.at] !== letter) return false;
    this.at += 1;
    return true;
  }

  private space(): void {
    while (' \t\n\r'.includes(this.source[this.at] ?? 'x')) this.at += 1;
  }

  private malformed(): Refusal {
    return new Refusal('json-malformed', `not JSON at character ${this.at}`);
  }
}

/** An object with these keys and no others; `refuse` says so otherwise. */
export function shape<R extends string, O extends string = never>(
  value: Json | undefined,
  required: readonly R[],
  optional: readonly O[],
  refuse: (message: string) => Refusal,
): Record<R, Json> & Partial<Record<O, Json>> {
  if (value === null || value === undefined || typeof value !== 'object' || Array.isArray(value)) {
    throw refuse('expected an object');
  }
  for (const key of required) if (!(key in value)) throw refuse(`there is no \`${key}\``);
  const known = new Set<string>([...required, ...optional]);
  for (const key of Object.keys(value)) if (!known.has(key)) throw refuse(`\`${key}\` is not known here`);
  return value as Record<R, Json> & Partial<Record<O, Json>>;
}

export function isText(value: Json | undefined): value is string {
  return typeof value === 'string';
}

/** A count, an index or a time that a double holds exactly. */
export function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}
