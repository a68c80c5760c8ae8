import { error } from '@sveltejs/kit';
import { orErrorPage } from '$lib/api/client';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:installation');
  const installation = await orErrorPage(new Workspace(params.workspace, fetch).installation(params));
  const operation = installation.manifest.operations.find(({ name }) => name === params.operation);
  if (!operation) error(404, { message: `\`${installation.name}\` has no operation \`${params.operation}\`.` });
  const { namespace, name } = params;
  return { installation, operation, name: { namespace, name } };
};
