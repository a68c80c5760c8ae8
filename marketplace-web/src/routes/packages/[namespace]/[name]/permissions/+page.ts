import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { release } = await parent();
  return { permissions: await orErrorPage(new Registry(fetch).permissions(params, release.version)) };
};
