import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { release } = await parent();
  return { checks: await orErrorPage(new Registry(fetch).checks(params, release.version)) };
};
