import { orNone } from '$lib/api/client';
import { nameOf, Registry } from '$lib/api/registry';
import type { State } from '$lib/api/types';

/** How the registry stands to what is installed. */
export interface Standing {
  /** Of the release that is installed. */
  state: State;
  reason: string | null;
  /** A newer one, that is neither yanked nor worse. */
  newer: string | undefined;
}

/** None for what comes from elsewhere, or where the registry does not answer: what runs here runs without it. */
export async function standingOf(registry: Registry, name: string, version: string): Promise<Standing | undefined> {
  try {
    const about = await orNone(registry.package(nameOf(name)));
    const release = about?.releases.find((release) => release.version === version);
    if (!about || !release) return undefined;
    const isNewer = about.latest && about.latest !== version && !isBefore(about.latest, version);
    return {
      state: release.state as State,
      reason: release.reason ?? null,
      newer: isNewer ? about.latest! : undefined,
    };
  } catch {
    return undefined;
  }
}

/** Whether a version stands before another, as far as their numbers tell. */
function isBefore(a: string, b: string): boolean {
  const numbers = (version: string) => version.split(/[-+]/)[0]!.split('.').map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((number, at) => number !== right[at]);
  return at !== -1 && left[at]! < right[at]!;
}
