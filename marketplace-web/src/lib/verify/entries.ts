import { bundleOf } from './bundle';
import type { Bytes } from './bytes';
import { Refusal } from './refusal';
import { isCount, isText, parse, shape, type Json } from './strict-json';

/** What an entry of the log is about: for the eye, and unverified. */
export interface Entry {
  index: number;
  kind: string;
  about: string;
  href: string | undefined;
  keyHint: string;
}

/** Reads `/v1/log/statements`. */
export function readEntries(bytes: Bytes, from: number): Entry[] {
  const malformed = (message: string) => new Refusal('log-statements-malformed', `the log’s statements: ${message}`);
  const whole = shape(parse(bytes), ['from', 'statements'], [], malformed);
  if (!isCount(whole.from) || whole.from !== from || !Array.isArray(whole.statements))
    throw malformed('they are no list from there on');
  return whole.statements.map((value, at) => {
    const bundle = bundleOf(value);
    return { index: from + at, keyHint: bundle.keyHint, ...told(parse(bundle.payload)) };
  });
}

type Object = { [key: string]: Json };

function object(value: Json | undefined): Object {
  return value !== null && value !== undefined && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function told(statement: Json): Pick<Entry, 'kind' | 'about' | 'href'> {
  const { predicateType, predicate } = object(statement);
  const kind = /\/spec\/([a-z]+)\/v1$/.exec(isText(predicateType) ? predicateType : '')?.[1] ?? 'unknown';
  const said = object(predicate);
  const release = object(said.release);
  const key = object(said.key);
  const text = (value: Json | undefined) => (isText(value) ? value : '');
  if (kind === 'keyset')
    return {
      kind,
      about: `keys of ${text(said.namespace)}, version ${String(said.version)}`,
      href: `/namespaces/${encodeURIComponent(text(said.namespace))}`,
    };
  if (isText(key.keyid))
    return {
      kind,
      about: `${text(said.action)} of key ${key.keyid.slice(0, 12)} of ${text(key.namespace)}: ${text(said.reason)}`,
      href: undefined,
    };
  const [name, version] = [text(said.name ?? release.name), text(said.version ?? release.version)];
  const words =
    kind === 'status'
      ? `${text(said.action)} of ${name} ${version}: ${text(said.reason)}`
      : kind === 'audit'
        ? `${text(said.verdict)} on ${name} ${version}`
        : `${name} ${version}`;
  const [namespace = '', label = ''] = name.split(':');
  const href =
    label === ''
      ? undefined
      : `/packages/${encodeURIComponent(namespace)}/${encodeURIComponent(label)}/security?version=${encodeURIComponent(version)}`;
  return { kind, about: words, href };
}
