import { orErrorPage, orNone } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import { Workspace } from '$lib/api/workspace';
import { newerThan } from '$lib/workspace/newer';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:installation');
  const registry = new Registry(fetch);
  const installation = await orErrorPage(new Workspace(params.workspace, fetch).installation(params));
  const [newer, permissions] = await orErrorPage(
    Promise.all([
      newerThan(registry, installation.name, installation.version),
      orNone(registry.permissions(params, installation.version)),
    ]),
  );
  return { installation, newer, permissions, name: params };
};
