// The same component with another manifest: a newer release, or another package, without building it anew.
import { readFileSync, writeFileSync } from 'node:fs';

const MANIFEST = 'jackfield:manifest';

/** Writes a copy whose manifest is changed. */
export function evolve(from, to, change) {
  const bytes = readFileSync(from);
  const parts = [bytes.subarray(0, 8)];
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at];
    const [size, start] = number(bytes, at + 1);
    const body = bytes.subarray(start, start + size);
    const [length, from] = id === 0 ? number(body, 0) : [0, 0];
    if (id === 0 && body.subarray(from, from + length).toString() === MANIFEST) {
      const manifest = JSON.parse(body.subarray(from + length).toString());
      change(manifest);
      const next = Buffer.concat([body.subarray(0, from + length), Buffer.from(JSON.stringify(manifest))]);
      parts.push(Buffer.from([0]), leb(next.length), next);
    } else {
      parts.push(bytes.subarray(at, start + size));
    }
    at = start + size;
  }
  writeFileSync(to, Buffer.concat(parts));
  return to;
}

function number(bytes, from) {
  for (let value = 0, scale = 1, at = from; ; at += 1, scale *= 128) {
    value += (bytes[at] & 0x7f) * scale;
    if (bytes[at] < 0x80) return [value, at + 1];
  }
}

function leb(number) {
  const bytes = [];
  do {
    bytes.push((number % 128) | (number > 127 ? 0x80 : 0));
    number = Math.floor(number / 128);
  } while (number > 0);
  return Buffer.from(bytes);
}
