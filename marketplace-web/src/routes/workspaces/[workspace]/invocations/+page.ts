import { orErrorPage } from '$lib/api/client';
import { Workspace, type Action } from '$lib/api/workspace';
import type { PageLoad } from './$types';

/** A page of calls, the newest first; and what tokens are called, for whoever may see them. */
export const load: PageLoad = async ({ fetch, params, url, parent }) => {
  const workspace = new Workspace(params.workspace, fetch);
  const asked = (name: string) => url.searchParams.get(name) ?? '';
  const search = {
    caller: asked('caller'),
    connector: asked('connector'),
    outcome: asked('outcome'),
    before: asked('before'),
  };
  const { about } = await parent();
  const may = (action: Action) => about.actions.includes(action);
  const [found, { installations }, tokens] = await Promise.all([
    orErrorPage(workspace.invocations(search)),
    orErrorPage(workspace.installations()),
    may('audit') ? orErrorPage(workspace.tokens()) : undefined,
  ]);
  const labels = new Map(tokens?.tokens.map(({ id, label }) => [id, label]));
  return { search, found, installations, labels };
};
