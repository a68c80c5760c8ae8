import type { ConnectionState, Invocation, Outcome, Role, TakenBack } from '$lib/api/workspace';
import { day, who } from '$lib/words';

// How a workspace's words are said to a person.

export const STATES: Record<ConnectionState, { text: string; kind: 'good' | 'info' | 'warn' | 'bad' | '' }> = {
  pending: { text: 'not finished', kind: 'info' },
  active: { text: 'connected', kind: 'good' },
  refreshing: { text: 'connected, renewing', kind: 'good' },
  degraded: { text: 'in trouble', kind: 'warn' },
  'needs-reauth': { text: 'needs you to sign in again', kind: 'bad' },
  disabled: { text: 'disabled', kind: '' },
  revoked: { text: 'revoked', kind: 'bad' },
};

export const OUTCOME: Record<Outcome, { text: string; kind: 'good' | 'warn' | 'bad' | ''; says: string }> = {
  ok: { text: 'done', kind: 'good', says: 'It did what it was asked.' },
  guest: { text: 'error', kind: 'warn', says: 'The connector answered with an error of its own.' },
  panic: { text: 'crashed', kind: 'bad', says: 'The connector crashed. Nothing else was touched.' },
  limit: { text: 'limit', kind: 'warn', says: 'It reached a limit, and was stopped.' },
  denied: { text: 'denied', kind: 'bad', says: 'The host denied what it could not do without.' },
  host: { text: 'host’s fault', kind: 'bad', says: 'The host itself was at fault, not the connector.' },
  cancelled: { text: 'stopped', kind: '', says: 'It was stopped while it ran.' },
  refused: { text: 'refused', kind: 'warn', says: 'It was not begun: it was not to be done as it stood.' },
};

/** Of docs/reference/workspaces.md: what each role may. */
export const MAY: { what: string; who: Role[]; note?: string }[] = [
  {
    what: 'See what is installed and granted, and who belongs here',
    who: ['auditor', 'member', 'operator', 'admin'],
  },
  {
    what: 'See everybody’s calls, the tokens and the audit log',
    who: ['auditor', 'operator', 'admin'],
    note: 'A member sees his own calls.',
  },
  { what: 'Call connectors', who: ['member', 'operator', 'admin'] },
  { what: 'Connect accounts, and use the kill switch', who: ['operator', 'admin'] },
  { what: 'Install, upgrade, grant; members, tokens, the quota and the policy', who: ['admin'] },
];

/** Somebody: a user by his name, a token by what it is for where that is known. The broker calls both persons. */
export function callerName(caller: string, labels: ReadonlyMap<string, string> = new Map()): string {
  const [kind, name = ''] = caller.replace(/^person /, '').split(/:(.*)/s);
  if (kind === 'user') return name;
  if (kind === 'token') return `token ${labels.get(name) ?? name.slice(0, 13)}`;
  return caller;
}

const TAKEN: Record<TakenBack['status'], string> = {
  yanked: 'Nothing new installs it, and what has it goes on',
  quarantined: 'Nobody installs it until somebody has looked',
  revoked: 'Nobody is to run it',
};

/** What became of a release: by whom, when and why. */
export function takenBackInWords({ status, word }: TakenBack): string {
  if (!word) return `${TAKEN[status]}. The registry does not show by whom and why.`;
  const by = `${who(word.by)}${word.by_registry ? ' for the registry' : ''}`;
  const [since, until] = [word.at ? ` on ${day(word.at)}` : '', word.expires ? `, until ${day(word.expires)}` : ''];
  return `${TAKEN[status]}. By ${by}${since}${until}: ${word.reason}`;
}

/** Why somebody may not review, where the registry's own words are those of its machinery. */
export const NO_REVIEW: Record<string, string> = {
  'not-used': 'No call of this release has gone well here yet',
  'receipt-too-small': 'It has not been used enough here yet',
  'receipt-mismatch': 'The registry knows this release by other bytes, or by another day',
  'review-own-package': 'You belong to those who make it',
  'review-exists': 'Somebody here has reviewed it already, or you have elsewhere',
  'review-removed': 'Your review was removed by a moderator',
  'package-not-found': 'This registry does not know it: it was installed from another',
  'release-not-found': 'This registry does not know it: it was installed from another',
};

/** What some calls took: the middle one, and the slowest. */
export function latency(calls: Invocation[]): { median: number; most: number } | undefined {
  const sorted = calls.map((call) => call.bill.wall_us).sort((a, b) => a - b);
  const [median, most] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[sorted.length - 1]];
  return median === undefined || most === undefined ? undefined : { median, most };
}

/** Seconds that a link lasts by which an account is connected: host/broker/src/limits.rs has it. */
export const LINK_S = 900;
