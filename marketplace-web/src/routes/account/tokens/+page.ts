import { tokens } from '$lib/api/account';
import { orErrorPage } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  return orErrorPage(tokens());
};
