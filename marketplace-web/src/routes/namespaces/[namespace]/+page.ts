import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, url }) => {
  const registry = new Registry(fetch);
  const [namespace, packages, { keysets }] = await Promise.all([
    orErrorPage(registry.namespace(params.namespace)),
    orErrorPage(registry.namespacePackages(params.namespace, url.searchParams.get('after') ?? undefined)),
    orErrorPage(registry.keysets(params.namespace)),
  ]);
  return { namespace, packages, keysets: keysets.reverse() };
};
