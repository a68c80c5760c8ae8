import { digestOf, type Bytes } from '$lib/verify/bytes';
import { COMPONENT_BYTES } from '$lib/verify/limits';
import { Refusal } from '$lib/verify/refusal';

// A component's bytes as a reviewer reads them, in the browser: their digest, their sections, and the texts in them.

/** The shortest run of printable characters that is a text. */
const TEXT_LEAST = 6;
/** Texts that are kept: a reviewer searches them, and never reads so many. */
const TEXTS_MOST = 20_000;
/** Characters of one text. */
const TEXT_MOST = 400;

export interface Section {
  what: string;
  bytes: number;
}

export interface ComponentBytes {
  size: number;
  digest: string;
  sections: Section[];
  texts: string[];
  /** Host names in the bytes, each with where it was found. */
  hosts: string[];
}

const KINDS = [
  'custom',
  'core module',
  'core instance',
  'core type',
  'component',
  'instance',
  'alias',
  'type',
  'canonical function',
  'start',
  'import',
  'export',
  'value',
];

/** `component-mismatch` if these are other bytes than were asked for. */
export async function readComponent(bytes: Bytes, expected: string): Promise<ComponentBytes> {
  if (bytes.length > COMPONENT_BYTES)
    throw new Refusal('component-too-large', `the component has ${bytes.length} bytes: at most ${COMPONENT_BYTES}`);
  const digest = await digestOf(bytes);
  if (digest !== expected) throw new Refusal('component-mismatch', `the bytes are ${digest}: expected ${expected}`);
  const texts = textsOf(bytes);
  return { size: bytes.length, digest, sections: sectionsOf(bytes), texts, hosts: hostsOf(texts) };
}

/** Top-level sections, in order (component-model, design/mvp/Binary.md). */
function sectionsOf(bytes: Bytes): Section[] {
  const sections: Section[] = [];
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at] ?? 0;
    const [size, start] = number(bytes, at + 1);
    if (start + size > bytes.length) break;
    let what = KINDS[id] ?? `section ${id}`;
    if (id === 0) {
      const [length, from] = number(bytes, start);
      what = `custom: ${new TextDecoder().decode(bytes.subarray(from, from + Math.min(length, 120)))}`;
    }
    sections.push({ what, bytes: size });
    at = start + size;
  }
  return sections;
}

/** LEB128, and what follows it. */
function number(bytes: Bytes, from: number): [number, number] {
  let [value, scale, at] = [0, 1, from];
  for (;;) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    scale *= 128;
    at += 1;
    if ((byte & 0x80) === 0 || at - from === 5) return [value, at];
  }
}

function textsOf(bytes: Bytes): string[] {
  const found = new Set<string>();
  let start = -1;
  for (let at = 0; at <= bytes.length && found.size < TEXTS_MOST; at += 1) {
    const byte = bytes[at] ?? 0;
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    if (isPrintable && start < 0) start = at;
    if (!isPrintable && start >= 0) {
      if (at - start >= TEXT_LEAST)
        found.add(String.fromCharCode(...bytes.subarray(start, Math.min(at, start + TEXT_MOST))));
      start = -1;
    }
  }
  return [...found];
}

function hostsOf(texts: string[]): string[] {
  const hosts = new Set<string>();
  for (const text of texts) {
    for (const [, host] of text.matchAll(/[a-z][a-z0-9+.-]*:\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)+)/gi)) {
      if (host) hosts.add(host.toLowerCase());
    }
  }
  return [...hosts].sort();
}

/** Whether one of the destinations that it asks for covers a host. */
export function isAskedFor(host: string, patterns: string[]): boolean {
  return patterns.some((pattern) => pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1))));
}
