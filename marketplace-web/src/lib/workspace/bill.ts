import type { Bill } from '$lib/api/workspace';
import { bytes, compact, count, plural } from '$lib/words';

/** Microseconds, as a person says them. */
export function duration(us: number): string {
  if (us < 10_000) return `${(us / 1_000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1_000)} ms`;
  return `${(us / 1_000_000).toFixed(us < 10_000_000 ? 1 : 0)} s`;
}

/** What a call used, in words. What it had nothing to do with is left out. */
export function billInWords(bill: Bill): [string, string][] {
  const rows: [string, string][] = [
    ['Time', `${duration(bill.wall_us)}, ${duration(bill.host_us)} of it outside the sandbox`],
    ['Computing', `${bill.fuel < 100_000 ? count(bill.fuel) : compact(bill.fuel)} units of fuel`],
    ['Memory', `${bytes(bill.peak_memory_bytes)} at the most`],
    ['Requests', requests(bill)],
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
