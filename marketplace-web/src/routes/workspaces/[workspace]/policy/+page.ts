import { orErrorPage } from '$lib/api/client';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:policy');
  return { policy: await orErrorPage(new Workspace(params.workspace, fetch).policy()) };
};
