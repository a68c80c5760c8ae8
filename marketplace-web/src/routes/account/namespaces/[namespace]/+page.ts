import { auditLog, publishers } from '$lib/api/account';
import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { me } = await parent();
  const registry = new Registry(fetch);
  const isOwner =
    me.operator ||
    me.namespaces.some((membership) => membership.namespace === params.namespace && membership.role === 'owner');
  const [namespace, { keysets }, about, trusted, audit] = await Promise.all([
    orErrorPage(registry.namespace(params.namespace)),
    orErrorPage(registry.keysets(params.namespace)),
    orErrorPage(registry.about()),
    isOwner ? orErrorPage(publishers(params.namespace)) : undefined,
    isOwner ? orErrorPage(auditLog(params.namespace)) : undefined,
  ]);
  return {
    namespace,
    keysets: keysets.reverse(),
    issuers: about.oidc_issuers,
    publishers: trusted?.publishers ?? [],
    audit: audit?.audit ?? [],
    isOwner,
  };
};
