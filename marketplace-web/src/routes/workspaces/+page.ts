import { redirect } from '@sveltejs/kit';
import { orErrorPage, orNone } from '$lib/api/client';
import { workspaces } from '$lib/api/workspace';
import type { PageLoad } from './$types';

/** One's workspaces, or the only one itself. With `?install=PACKAGE`, where that shall go. */
export const load: PageLoad = async ({ url, parent }) => {
  await parent();
  const install = url.searchParams.get('install') ?? undefined;
  // A server may be a registry alone.
  const answer = await orErrorPage(orNone(workspaces()));
  const [only, ...others] = answer?.workspaces ?? [];
  if (only && others.length === 0 && !url.searchParams.has('all')) {
    const below = install ? `/install?${new URLSearchParams({ package: install })}` : '';
    redirect(303, `/workspaces/${only.name}${below}`);
  }
  return { workspaces: answer?.workspaces, install };
};
