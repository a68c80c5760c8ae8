import type { HandleClientError } from '@sveltejs/kit';
import { Problem } from '$lib/api/client';

/** What nobody expected: said in words, and left for whoever looks into the console. */
export const handleError: HandleClientError = ({ error, status }) => {
  if (error instanceof Problem) return { message: error.message, code: error.code, hint: error.hint };
  if (status === 404) return { message: 'Not Found' };
  console.error(error);
  return {
    message: 'Something in this page went wrong.',
    code: 'page-failed',
    hint: 'Load it again; if it stays so, tell the registry’s operator.',
  };
};
