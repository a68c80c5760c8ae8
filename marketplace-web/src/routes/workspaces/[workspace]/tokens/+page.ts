import { orErrorPage } from '$lib/api/client';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:tokens');
  const workspace = new Workspace(params.workspace, fetch);
  const [{ tokens }, { installations }] = await Promise.all([
    orErrorPage(workspace.tokens()),
    orErrorPage(workspace.installations()),
  ]);
  return { tokens, installations };
};
