import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { release } = await parent();
  const registry = new Registry(fetch);
  const [checks, statements, statuses] = await Promise.all([
    orErrorPage(registry.checks(params, release.version)),
    orErrorPage(registry.statements(params, release.version)),
    orErrorPage(registry.status(params, release.version)),
  ]);
  return { checks, statements, statuses };
};
