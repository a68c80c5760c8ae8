import { identities, signInProviders, tokens } from '$lib/api/account';
import { orErrorPage } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  const asked = Promise.all([tokens(), identities(), signInProviders()]);
  return orErrorPage(asked.then(([own, linked, providers]) => ({ ...own, ...linked, providers })));
};
