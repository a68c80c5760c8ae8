import type { Manifest } from '$lib/api/types';
import { bytes, compact, count } from '$lib/words';

/** What a call is bounded by: what it is called, and what holds where nobody says anything, as host/src/limits.rs has it. */
export const LIMITS = {
  fuel: ['Computing', 1_000_000_000],
  'time-ms': ['Time', 30_000],
  'memory-bytes': ['Memory', 64 << 20],
  'stack-bytes': ['Stack', 512 << 10],
  'host-calls': ['Calls into the host', 100_000],
  handles: ['Things held open', 1_024],
  'input-bytes': ['Input', 4 << 20],
  'output-bytes': ['Output', 4 << 20],
  requests: ['Requests', 64],
  'concurrent-requests': ['Requests at the same time', 8],
  'request-bytes': ['Body of a request', 8 << 20],
  'response-bytes': ['Body of a response', 16 << 20],
  'request-time-ms': ['Time of a request', 20_000],
  files: ['Files', 32],
  'file-bytes': ['Files that it writes', 4 * 2 ** 30],
  'log-lines': ['Lines of log', 1_000],
  'log-bytes': ['Log', 256 << 10],
  'concurrent-calls': ['Calls at the same time', 32],
} as const satisfies Record<string, [string, number]>;

export type LimitName = keyof typeof LIMITS;
export const LIMIT_NAMES = Object.keys(LIMITS) as LimitName[];

/** Those that a manifest may have wishes for. */
export function wishOf(limit: LimitName, wishes: Manifest['limits'] = {}): number | undefined {
  return (wishes as Record<string, number | undefined>)[limit.replace('-', '_')];
}

/** Grant ∩ manifest: what holds in the end. */
export function inForce(limit: LimitName, wishes: Manifest['limits'], granted: number | undefined): number {
  const most = granted ?? LIMITS[limit][1];
  return Math.min(most, wishOf(limit, wishes) ?? most);
}

/** A limit's value, as a person says it. */
export function amount(limit: LimitName, value: number): string {
  if (limit.endsWith('-bytes')) return bytes(value);
  if (limit.endsWith('-ms')) return value % 1_000 === 0 ? `${count(value / 1_000)} s` : `${count(value)} ms`;
  return limit === 'fuel' ? `${compact(value)} units of fuel` : count(value);
}

export function unit(limit: LimitName): string {
  return limit.endsWith('-bytes') ? 'bytes' : limit.endsWith('-ms') ? 'ms' : limit === 'fuel' ? 'units' : '';
}
