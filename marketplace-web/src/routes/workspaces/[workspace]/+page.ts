import { orErrorPage } from '$lib/api/client';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:installations');
  const { installations } = await orErrorPage(new Workspace(params.workspace, fetch).installations());
  return { lines: installations };
};
