import { orNone } from '$lib/api/client';
import { nameOf, Registry } from '$lib/api/registry';

/** A newer release than the one that is installed. None too for what comes from elsewhere, or where the registry does not answer. */
export async function newerThan(registry: Registry, name: string, version: string): Promise<string | undefined> {
  try {
    const latest = (await orNone(registry.package(nameOf(name))))?.latest;
    return latest && isBefore(version, latest) ? latest : undefined;
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
