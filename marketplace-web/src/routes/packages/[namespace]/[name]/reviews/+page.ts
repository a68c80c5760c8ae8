import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, url }) => {
  const cursor = url.searchParams.get('cursor') ?? undefined;
  return { reviews: await orErrorPage(new Registry(fetch).reviews(params, cursor)), isFirst: cursor === undefined };
};
