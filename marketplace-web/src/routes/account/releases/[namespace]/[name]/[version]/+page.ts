import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent }) => {
  await parent();
  return { first: await orErrorPage(new Registry(fetch).progress(params, params.version)), name: params };
};
