import type { Manifest } from '$lib/api/types';
import { bytes, compact, count, measure } from '$lib/words';

/** What a call is bounded by, as a person calls it. */
const TITLES: Record<string, string> = {
  fuel: 'Computing',
  'time-ms': 'Time',
  'memory-bytes': 'Memory',
  'stack-bytes': 'Stack',
  'host-calls': 'Calls into the host',
  handles: 'Things held open',
  'input-bytes': 'Input',
  'output-bytes': 'Output',
  requests: 'Requests',
  'concurrent-requests': 'Requests at the same time',
  'request-bytes': 'Body of a request',
  'response-bytes': 'Body of a response',
  'request-time-ms': 'Time of a request',
  files: 'Files',
  'file-bytes': 'Files that it writes',
  'log-lines': 'Lines of log',
  'log-bytes': 'Log',
  'concurrent-calls': 'Calls at the same time',
};

export const titleOf = (limit: string) => TITLES[limit] ?? limit;

/** Those that a manifest may have wishes for. */
export function wishOf(limit: string, wishes: Manifest['limits'] = {}): number | undefined {
  return (wishes as Record<string, number | undefined>)[limit.replace('-', '_')];
}

/** A limit's value, as a person says it. */
export function amount(unit: string, value: number): string {
  if (unit === 'bytes') return bytes(value);
  if (unit === 'ms') return value % 1_000 === 0 ? measure(count(value / 1_000), 's') : measure(count(value), 'ms');
  return unit.startsWith('units') ? measure(compact(value), unit) : count(value);
}
