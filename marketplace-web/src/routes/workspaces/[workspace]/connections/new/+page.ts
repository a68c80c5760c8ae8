import { orErrorPage } from '$lib/api/client';
import { nameOf } from '$lib/api/registry';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

/** What is installed; and of the one that `?connector=` names, what it asks for. */
export const load: PageLoad = async ({ fetch, params, url }) => {
  const workspace = new Workspace(params.workspace, fetch);
  const [{ installations }, { providers }] = await Promise.all([
    orErrorPage(workspace.installations()),
    orErrorPage(workspace.providers()),
  ]);
  const wanted = url.searchParams.get('connector');
  const known = installations.find(({ name }) => name === wanted) ?? undefined;
  return {
    installations,
    providers,
    installation: known && (await orErrorPage(workspace.installation(nameOf(known.name)))),
  };
};
