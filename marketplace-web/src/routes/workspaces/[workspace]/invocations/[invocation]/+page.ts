import { orErrorPage } from '$lib/api/client';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params }) => ({
  call: await orErrorPage(new Workspace(params.workspace, fetch).invocation(params.invocation)),
});
