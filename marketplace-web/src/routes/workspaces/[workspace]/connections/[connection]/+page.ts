import { orErrorPage, orNone } from '$lib/api/client';
import { nameOf } from '$lib/api/registry';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

/** A connection, what was done with it, and the entry of its connector's manifest, while that is installed. */
export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:connections');
  const workspace = new Workspace(params.workspace, fetch);
  const { connection, audit } = await orErrorPage(workspace.connection(params.connection));
  const installation = await orErrorPage(orNone(workspace.installation(nameOf(connection.connector))));
  return { connection, audit, entry: installation?.manifest.auth?.find(({ id }) => id === connection.auth) };
};
