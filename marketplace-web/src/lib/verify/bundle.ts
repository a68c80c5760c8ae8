import { base64, concat, fromBase64, sha256, utf8, type Bytes } from './bytes';
import type { PublicKey } from './ed25519';
import { BUNDLE_BYTES, INDEX_BUNDLE_BYTES, INDEX_BYTES, STATEMENT_BYTES } from './limits';
import { leafHash } from './merkle';
import { Refusal } from './refusal';
import { isText, parse, shape, type Json } from './strict-json';

const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const SPKI_PREFIX = new Uint8Array([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);

/** One signed statement in a Sigstore bundle v0.3. What it says is nobody's word until [`verified`] gives it out. */
export interface Bundle {
  payloadType: string;
  payload: Bytes;
  signature: Bytes;
  /** Which key is said to have signed. */
  keyHint: string;
}

export function parseBundle(bytes: Bytes): Bundle {
  return parseWithin(bytes, BUNDLE_BYTES, STATEMENT_BYTES);
}

export function parseIndexBundle(bytes: Bytes): Bundle {
  return parseWithin(bytes, INDEX_BUNDLE_BYTES, INDEX_BYTES);
}

function parseWithin(bytes: Bytes, atMost: number, statementAtMost: number): Bundle {
  if (bytes.length > atMost)
    throw new Refusal('bundle-too-large', `the bundle has ${bytes.length} bytes: at most ${atMost}`);
  return bundleOf(parse(bytes), statementAtMost);
}

/** From a value that was read strictly. */
export function bundleOf(value: Json, statementAtMost = STATEMENT_BYTES): Bundle {
  const invalid = (message: string) => new Refusal('bundle-invalid', `the bundle: ${message}`);
  const whole = shape(value, ['mediaType', 'verificationMaterial', 'dsseEnvelope'], [], invalid);
  if (whole.mediaType !== MEDIA_TYPE)
    throw new Refusal('bundle-media-type', `the bundle is not of type \`${MEDIA_TYPE}\``);
  const material = shape(whole.verificationMaterial, ['publicKey'], ['tlogEntries'], invalid);
  const { hint } = shape(material.publicKey, ['hint'], [], invalid);
  const envelope = shape(whole.dsseEnvelope, ['payload', 'payloadType', 'signatures'], [], invalid);
  if (!isText(envelope.payloadType) || !isText(envelope.payload) || !Array.isArray(envelope.signatures)) {
    throw invalid('the envelope has no payload, type and signatures');
  }
  if (envelope.signatures.length === 0) throw new Refusal('signature-missing', 'the envelope holds no signature');
  if (envelope.signatures.length > 1)
    throw new Refusal('signature-too-many', 'the envelope holds more than one signature');
  const { sig, keyid } = shape(envelope.signatures[0], ['sig'], ['keyid'], invalid);
  if (!isText(hint) || !/^[0-9a-f]{64}$/.test(hint))
    throw new Refusal('key-id-malformed', 'the bundle’s key hint is not a key id');
  if (keyid !== undefined && keyid !== null && keyid !== '' && keyid !== hint)
    throw invalid('it names two different keys');
  const payload = fromBase64(envelope.payload);
  const signature = isText(sig) ? fromBase64(sig) : undefined;
  if (!payload || !signature) throw invalid('payload or signature is not base64');
  if (payload.length > statementAtMost)
    throw new Refusal('bundle-too-large', `the statement has ${payload.length} bytes: at most ${statementAtMost}`);
  if (signature.length !== 64)
    throw new Refusal('signature-invalid', `an Ed25519 signature has 64 bytes, and this has ${signature.length}`);
  return { payloadType: envelope.payloadType, payload, signature, keyHint: hint };
}

/** The DSSE v1 pre-authentication encoding: the bytes that a signature is made over. */
export function pae(bundle: Bundle): Bytes {
  const type = utf8(bundle.payloadType);
  return concat(utf8(`DSSEv1 ${type.length} ${bundle.payloadType} ${bundle.payload.length} `), bundle.payload);
}

/** The payload, if this key signed it. `statement-type`, `signature-invalid`. */
export async function verified(bundle: Bundle, key: PublicKey): Promise<Bytes> {
  if (bundle.payloadType !== PAYLOAD_TYPE)
    throw new Refusal('statement-type', `the envelope’s payload is not \`${PAYLOAD_TYPE}\``);
  if (!(await key.verify(pae(bundle), bundle.signature))) {
    throw new Refusal('signature-invalid', `the signature is not one of key ${key.id} over this statement`);
  }
  return bundle.payload;
}

/** The log's entry of a statement, made anew and never taken from the wire: a canonical `hashedrekord` 0.0.2. */
export async function logEntry(bundle: Bundle, key: PublicKey): Promise<Bytes> {
  const digest = base64(await sha256(pae(bundle)));
  const spki = base64(concat(SPKI_PREFIX, key.bytes));
  return utf8(
    `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"${digest}"},` +
      `"signature":{"content":"${base64(bundle.signature)}","verifier":{"keyDetails":"PKIX_ED25519","publicKey":{"rawBytes":"${spki}"}}}}}}`,
  );
}

export async function entryHash(bundle: Bundle, key: PublicKey): Promise<Bytes> {
  return leafHash(await logEntry(bundle, key));
}
