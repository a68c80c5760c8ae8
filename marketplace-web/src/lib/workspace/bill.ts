import type { Bill } from '$lib/api/workspace';
import { bytes, compact, count, measure, plural } from '$lib/words';

/** Microseconds, as a person says them. */
export function duration(us: number): string {
  if (us < 10_000) return measure((us / 1_000).toFixed(1), 'ms');
  if (us < 1_000_000) return measure(Math.round(us / 1_000), 'ms');
  return measure((us / 1_000_000).toFixed(us < 10_000_000 ? 1 : 0), 's');
}

/** What a call used, in words. What it had nothing to do with is left out. `answers`: who answered instead of the network. */
export function billInWords(bill: Bill, answers?: 'recording' | 'nobody'): [string, string][] {
  const rows: [string, string][] = [
    ['Time', `${duration(bill.wall_us)}, ${duration(bill.host_us)} of it outside the sandbox`],
    ['Computing', `${bill.fuel < 100_000 ? count(bill.fuel) : compact(bill.fuel)} units of fuel`],
    ['Memory', `${bytes(bill.peak_memory_bytes)} at the most`],
    ['Requests', answers ? recorded(bill, answers) : requests(bill)],
  ];
  if (bill.file_bytes_in + bill.file_bytes_out > 0)
    rows.push(['Files', `${bytes(bill.file_bytes_in)} read, ${bytes(bill.file_bytes_out)} written`]);
  if (bill.log_lines > 0) rows.push(['Log', plural(bill.log_lines, 'line')]);
  return rows;
}

function requests({ http_requests, http_denied, http_bytes_out, http_bytes_in }: Bill): string {
  const sent =
    http_requests === 0
      ? 'none sent'
      : `${count(http_requests)} sent, with ${bytes(http_bytes_out)} out and ${bytes(http_bytes_in)} in`;
  return http_denied === 0 ? sent : `${sent}; ${count(http_denied)} denied`;
}

function recorded({ http_requests, http_denied }: Bill, answers: 'recording' | 'nobody'): string {
  const strayed = http_requests === 1 ? 'which is not on the recording' : 'not all of them on the recording';
  const made =
    http_requests === 0
      ? 'none'
      : `${plural(http_requests, 'request')}, ${answers === 'recording' ? 'answered by the recording' : strayed}`;
  return http_denied === 0 ? made : `${made}; ${count(http_denied)} denied`;
}
