import { base64, concat, fromBase64, hex, sha256, utf8, type Bytes } from './bytes';
import { PublicKey } from './ed25519';
import { LOG_NAME_BYTES, NOTE_BYTES, NOTE_SIGNATURES } from './limits';
import { Refusal } from './refusal';

// Signed notes (c2sp.org/signed-note), checkpoints (c2sp.org/tlog-checkpoint), cosignatures (c2sp.org/tlog-cosignature).

const LOG = 0x01;
const WITNESS = 0x04;

/** Who signs notes: a vkey, `name+<key id>+<base64 of type and key>`. */
export interface VerifierKey {
  name: string;
  type: typeof LOG | typeof WITNESS;
  key: PublicKey;
  /** 8 hex digits. */
  id: string;
}

function isName(name: string): boolean {
  return name.length > 0 && utf8(name).length <= LOG_NAME_BYTES && !/[\s+\u0000-\u001f\u007f-\u009f]/u.test(name);
}

/** `log-key-malformed`, and the codes of [`PublicKey.of`]. */
export async function parseKey(vkey: string): Promise<VerifierKey> {
  const malformed = (why: string) => new Refusal('log-key-malformed', `the key of a log or a witness ${why}`);
  const [name, id, ...rest] = vkey.split('+');
  if (!name || !id || rest.length === 0 || !isName(name)) throw malformed('is not three parts between `+`');
  const bytes = fromBase64(rest.join('+'));
  const type = bytes?.[0];
  if (!bytes || (type !== LOG && type !== WITNESS)) throw malformed('is not base64 of a type and a key');
  const key = await PublicKey.of(bytes.slice(1));
  const own = hex((await sha256(concat(utf8(`${name}\n`), bytes))).slice(0, 4));
  if (own !== id) throw malformed('has another key id than it says: it was miscopied, or the name was changed');
  return { name, type, key, id };
}

export interface Note {
  text: string;
  signatures: { name: string; id: string; bytes: Bytes }[];
}

/** `note-too-large`, `note-malformed`. */
export function parseNote(note: string): Note {
  const malformed = (what: string) =>
    new Refusal('note-malformed', `the signed note’s ${what} is not as c2sp.org/signed-note says`);
  if (utf8(note).length > NOTE_BYTES)
    throw new Refusal('note-too-large', `the signed note has more than ${NOTE_BYTES} bytes`);
  // The last blank line: a text may have its own.
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw malformed('blank line');
  const text = note.slice(0, split + 1);
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw malformed('text');
  const lines = note.slice(split + 2).split('\n');
  if (lines.pop() !== '') throw malformed('end');
  if (lines.length > NOTE_SIGNATURES)
    throw new Refusal('note-too-large', `the signed note has more than ${NOTE_SIGNATURES} signatures`);
  const signatures = lines.map((line) => {
    const [, name, encoded] = /^\u2014 (\S+) (\S+)$/u.exec(line) ?? [];
    const bytes = fromBase64(encoded ?? '');
    if (!name || !isName(name) || !bytes || bytes.length < 5) throw malformed('signature line');
    return { name, id: hex(bytes.slice(0, 4)), bytes: bytes.slice(4) };
  });
  return { text, signatures };
}

/** Whether that key signed; a line under its name that does not verify spoils the note: `note-signature-invalid`. */
export async function isSignedBy(note: Note, by: VerifierKey): Promise<boolean> {
  let found = false;
  for (const signature of note.signatures) {
    if (signature.name !== by.name || signature.id !== by.id) continue;
    let { bytes } = signature;
    let signed = note.text;
    if (by.type === WITNESS) {
      const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
      signed = `cosignature/v1\ntime ${time}\n${note.text}`;
      bytes = bytes.slice(8);
    }
    if (!(await by.key.verify(utf8(signed), bytes))) {
      throw new Refusal('note-signature-invalid', `the note’s signature is not one of \`${by.name}\``);
    }
    found = true;
  }
  return found;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
}

function parseCheckpoint(text: string): Checkpoint {
  const malformed = () =>
    new Refusal('checkpoint-malformed', 'a checkpoint is three lines: the log’s name, its size, its root');
  const [origin, size, root, end, ...more] = text.split('\n');
  const hash = fromBase64(root ?? '');
  if (!origin || !size || end !== '' || more.length > 0 || hash?.length !== 32) throw malformed();
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) throw malformed();
  return { origin, size: Number(size), root: hash };
}

/** The checkpoint that this log signed. `note-signature-missing`, `note-signature-invalid`, `checkpoint-malformed`, `checkpoint-origin`. */
export async function openCheckpoint(note: Note, log: VerifierKey): Promise<Checkpoint> {
  if (!(await isSignedBy(note, log))) {
    throw new Refusal('note-signature-missing', `the checkpoint is not signed by \`${log.name}\``);
  }
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== log.name) {
    throw new Refusal(
      'checkpoint-origin',
      `the checkpoint is of \`${checkpoint.origin}\`, expected one of \`${log.name}\``,
    );
  }
  return checkpoint;
}

export function rootText(checkpoint: Checkpoint): string {
  return base64(checkpoint.root);
}

/** Witnesses of a C2SP tlog-policy that have cosigned. */
export async function cosigners(note: Note, policy: string | null): Promise<{ asked: number; cosigned: string[] }> {
  const lines = (policy ?? '').split('\n').filter((line) => line.startsWith('witness '));
  const cosigned: string[] = [];
  for (const line of lines) {
    const witness = await parseKey(line.split(' ')[2] ?? '');
    if (await isSignedBy(note, witness)) cosigned.push(witness.name);
  }
  return { asked: lines.length, cosigned };
}
