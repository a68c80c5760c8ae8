// Everything is made in the browser, from the registry's API.
export const ssr = false;
export const prerender = false;
