import { error } from '@sveltejs/kit';
import { orErrorPage, orNone } from '$lib/api/client';
import { nameOf, Registry } from '$lib/api/registry';
import { Workspace } from '$lib/api/workspace';
import type { PageLoad } from './$types';

/** `?package=acme:crm`, or `acme:crm@^1`: what would be installed, and what is now. */
export const load: PageLoad = async ({ fetch, params, url }) => {
  const wanted = url.searchParams.get('package');
  if (!wanted) error(404, { message: 'No package is named.', hint: 'Choose one in the marketplace.' });
  const [workspace, registry] = [new Workspace(params.workspace, fetch), new Registry(fetch)];
  const offer = await orErrorPage(workspace.offer(wanted));
  const name = nameOf(offer.name);
  const [installed, permissions] = await orErrorPage(
    Promise.all([
      offer.replaces === null ? undefined : workspace.installation(name),
      // Another registry's packages are not described by this one.
      orNone(registry.permissions(name, offer.version)),
    ]),
  );
  return { wanted, offer, name, installed, permissions };
};
