import { error } from '@sveltejs/kit';
import { orErrorPage, orNone } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { LayoutLoad } from './$types';

export const load: LayoutLoad = async ({ fetch, params, url }) => {
  const registry = new Registry(fetch);
  const about = await orErrorPage(registry.package(params));
  const version = url.searchParams.get('version') ?? about.latest ?? about.releases[0]?.version;
  if (!version) error(404, { message: `${about.name} has no release.` });
  const [release, manifest] = await Promise.all([
    orErrorPage(registry.release(params, version)),
    // Of a release that came out it is always there.
    orErrorPage(orNone(registry.manifest(params, version))),
  ]);
  return { about, release, manifest, name: params, isLatest: version === about.latest };
};
