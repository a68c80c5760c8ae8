import { orErrorPage, orNone } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { release } = await parent();
  return { readme: await orErrorPage(orNone(new Registry(fetch).readme(params, release.version))) };
};
