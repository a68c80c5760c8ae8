import { flags, heldNamespaces, heldReleases } from '$lib/api/account';
import { orErrorPage } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  const [releases, namespaces, objections] = await Promise.all([
    orErrorPage(heldReleases()),
    orErrorPage(heldNamespaces()),
    orErrorPage(flags()),
  ]);
  return { releases, namespaces: namespaces.namespaces, flags: objections.flags };
};
