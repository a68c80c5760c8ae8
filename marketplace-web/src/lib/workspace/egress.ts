import type { Manifest } from '$lib/api/types';
import type { Grant } from '$lib/api/workspace';
import { hostsInWords, list } from '$lib/words';

export type Asked = NonNullable<Manifest['egress']>[number];

/** One destination, as it may be granted. */
export interface Destination {
  /** What the manifest says of it; none: an admin's own. */
  asked: Asked | undefined;
  /** Which of the manifest's. */
  at: number;
  on: boolean;
  /** Such as `GET,POST https://api.example.com`. */
  text: string;
}

/** All that a manifest asks for in one entry, as a grant is written. */
export function asGrant({ host, methods, ports }: Asked): string {
  const verbs = methods === 'any' ? '*' : (methods ?? ['GET', 'HEAD']).join(',');
  const numbers = ports === 'any' ? ':*' : !ports || ports.join() === '443' ? '' : `:${ports.join(',')}`;
  return `${verbs} https://${host}${numbers}`;
}

/** The host that a grant is for. */
export function hostOf(grant: string): string {
  return /:\/\/(\[[^\]]*\]|[^:/\s]*)/.exec(grant)?.[1] ?? '';
}

/** What is asked for, each with what is granted of it; and then what is granted besides. */
export function destinations(asked: readonly Asked[], granted: readonly string[]): Destination[] {
  const left = [...granted];
  const take = (fits: (grant: string) => boolean) => {
    const at = left.findIndex(fits);
    return at === -1 ? undefined : left.splice(at, 1)[0];
  };
  const lines = asked.map((entry, at) => {
    const whole = asGrant(entry);
    const text = take((grant) => grant === whole) ?? take((grant) => hostOf(grant) === entry.host);
    return { asked: entry, at, on: text !== undefined, text: text ?? whole };
  });
  return [...lines, ...left.map((text) => ({ asked: undefined, at: -1, on: true, text }))];
}

/** A grant in a line, for `Words`. */
export function grantInWords({ egress, operations }: Grant): string {
  const hosts = [...new Set(egress.map((grant) => hostsInWords(hostOf(grant))))];
  const reach = hosts.length === 0 ? 'It reaches nobody' : `It may reach ${list(hosts)}`;
  const calls = operations ? `only ${operations.length} of its operations` : 'all that it does';
  return `${reach}; ${calls} may be called.`;
}
