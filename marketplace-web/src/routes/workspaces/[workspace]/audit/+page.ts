import { orErrorPage } from '$lib/api/client';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, url }) => {
  const asked = (name: string) => url.searchParams.get(name) ?? '';
  const search = {
    caller: asked('caller'),
    action: asked('action'),
    target: asked('target'),
    allowed: asked('allowed'),
    before: asked('before'),
  };
  return { search, ...(await orErrorPage(new Workspace(params.workspace, fetch).audit(search))) };
};
