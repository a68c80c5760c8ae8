import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import { installedIn } from '$lib/workspace/installed';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, url }) => {
  const cursor = url.searchParams.get('cursor') ?? undefined;
  return {
    reviews: await orErrorPage(new Registry(fetch).reviews(params, cursor)),
    isFirst: cursor === undefined,
    // The page does not wait for it.
    usedIn: installedIn(params, fetch),
  };
};
