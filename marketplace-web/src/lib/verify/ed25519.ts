import { hex, sha256, utf8, type Bytes } from './bytes';
import { Refusal } from './refusal';

// Arithmetic of the curve (RFC 8032, 5.1), for what WebCrypto does not ask: whether a key is a point in its one spelling and of
// prime order, and whether a signature's R is of small order. It holds nothing secret, so it need not take constant time.

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

interface Point {
  x: bigint;
  y: bigint;
  z: bigint;
  t: bigint;
}

const NEUTRAL: Point = { x: 0n, y: 1n, z: 1n, t: 0n };

function mod(a: bigint): bigint {
  const rest = a % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function inverse(a: bigint): bigint {
  return power(a, P - 2n);
}

function add(a: Point, b: Point): Point {
  const e = mod((a.y - a.x) * (b.y - b.x));
  const f = mod((a.y + a.x) * (b.y + b.x));
  const g = mod(2n * a.t * b.t * D);
  const h = mod(2n * a.z * b.z);
  const [i, j, k, l] = [f - e, h - g, h + g, f + e];
  return { x: mod(i * j), y: mod(k * l), z: mod(j * k), t: mod(i * l) };
}

function times(point: Point, factor: bigint): Point {
  let [result, double] = [NEUTRAL, point];
  for (let rest = factor; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

function isNeutral(point: Point): boolean {
  return point.x === 0n && mod(point.y - point.z) === 0n;
}

function littleEndian(bytes: Bytes): bigint {
  return BigInt(`0x${hex(bytes.slice().reverse())}`);
}

/** The point that 32 bytes mean, in whatever spelling; none if they mean none. */
function decode(bytes: Bytes): { point: Point; canonical: boolean } | undefined {
  const number = littleEndian(bytes);
  const sign = number >> 255n;
  const written = number & (2n ** 255n - 1n);
  const y = mod(written);
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
  let x = mod(u * v ** 3n * power(u * v ** 7n, (P - 5n) / 8n));
  if (mod(v * x * x) !== u) {
    x = mod(x * ROOT_OF_MINUS_ONE);
    if (mod(v * x * x) !== u) return undefined;
  }
  const canonical = written < P && !(x === 0n && sign === 1n);
  if ((x & 1n) !== sign) x = mod(-x);
  return { point: { x, y, z: 1n, t: mod(x * y) }, canonical };
}

/** A public key that is a point in its one spelling and of prime order, since no other can be made. */
export class PublicKey {
  private imported: Promise<CryptoKey> | undefined;

  private constructor(
    readonly bytes: Bytes,
    /** SHA-256, in hex, of the canonical TUF key object. */
    readonly id: string,
  ) {}

  /** `key-malformed`, `key-not-canonical`, `key-weak`. */
  static async of(bytes: Bytes): Promise<PublicKey> {
    if (bytes.length !== 32)
      throw new Refusal('key-malformed', `an Ed25519 public key has 32 bytes, and this has ${bytes.length}`);
    const decoded = decode(bytes);
    if (!decoded) throw new Refusal('key-malformed', 'the public key is not a point of the curve');
    if (!decoded.canonical)
      throw new Refusal('key-not-canonical', 'the public key is not in its one canonical spelling');
    if (isNeutral(times(decoded.point, 8n)) || !isNeutral(times(decoded.point, ORDER))) {
      throw new Refusal('key-weak', 'the public key is weak: others can make signatures that pass for its own');
    }
    const object = `{"keytype":"ed25519","keyval":{"public":"${hex(bytes)}"},"scheme":"ed25519"}`;
    return new PublicKey(bytes, hex(await sha256(utf8(object))));
  }

  /** Whether this key made this signature. Strict: no signature has a second spelling, and R is not of small order. */
  async verify(message: Bytes, signature: Bytes): Promise<boolean> {
    if (signature.length !== 64 || littleEndian(signature.slice(32)) >= ORDER) return false;
    const r = decode(signature.slice(0, 32));
    if (!r?.canonical || isNeutral(times(r.point, 8n))) return false;
    this.imported ??= crypto.subtle.importKey('raw', this.bytes, 'Ed25519', false, ['verify']);
    return crypto.subtle.verify('Ed25519', await this.imported, signature, message);
  }
}

/** Why this browser can't verify, if it can't. */
export async function whyNot(): Promise<string | undefined> {
  if (typeof crypto === 'undefined' || !('subtle' in crypto)) {
    return 'Browsers verify signatures on https pages only, and this page came another way.';
  }
  try {
    // The generator of the group: any key does.
    const bytes = new Uint8Array(32).fill(0x66);
    bytes[0] = 0x58;
    await crypto.subtle.importKey('raw', bytes, 'Ed25519', false, ['verify']);
    return undefined;
  } catch {
    return 'This browser does not know Ed25519 signatures. Current versions of Chrome, Edge, Firefox and Safari do.';
  }
}
