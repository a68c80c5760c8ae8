import { orErrorPage } from '$lib/api/client';
import { Workspace, type Action } from '$lib/api/workspace';
import type { LayoutLoad } from './$types';

/** The workspace, and what one may there. */
export const load: LayoutLoad = async ({ fetch, params, parent, depends }) => {
  await parent();
  depends('workspace:about');
  const about = await orErrorPage(new Workspace(params.workspace, fetch).show());
  const may = (action: Action) => about.actions.includes(action);
  return { workspace: new Workspace(params.workspace), about, may };
};
