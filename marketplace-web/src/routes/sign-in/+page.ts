import { signInProviders } from '$lib/api/account';
import type { PageLoad } from './$types';

/** Whoever can't be asked for providers still takes passwords. */
export const load: PageLoad = async () => ({ providers: await signInProviders().catch(() => []) });
