import { orNone, type Fetch } from '$lib/api/client';
import type { Name } from '$lib/api/registry';
import { Workspace, workspaces, type WorkspaceLine } from '$lib/api/workspace';
import { session } from '$lib/session.svelte';

/** The workspaces of whoever is signed in that have a package installed, and where he may call it. None where nobody can tell. */
export async function installedIn(name: Name, fetch: Fetch): Promise<WorkspaceLine[]> {
  try {
    if (!(await session.ready())) return [];
    // A server may be a registry alone.
    const { workspaces: all } = (await orNone(workspaces())) ?? { workspaces: [] };
    const own = all.filter(({ role }) => role !== null && role !== 'auditor');
    const found = await Promise.all(own.map((line) => orNone(new Workspace(line.name, fetch).installation(name))));
    return own.filter((_, at) => found[at]);
  } catch {
    return [];
  }
}
