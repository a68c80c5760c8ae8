import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent, url }) => {
  const { about, release } = await parent();
  const versions = about.releases.map((line) => line.version);
  const to = url.searchParams.get('to') ?? release.version;
  // The release before is what people compare with.
  const before = versions[versions.indexOf(to) + 1];
  const from = url.searchParams.get('from') ?? before;
  const diff = from && from !== to ? await orErrorPage(new Registry(fetch).diff(params, from, to)) : undefined;
  return { from, to, diff };
};
