/** Where a README may point to: https and mail, and places within itself. Nothing else is a link. */
export function safeHref(href: string): string | undefined {
  if (href.startsWith('#')) return href;
  try {
    const url = new URL(href);
    return url.protocol === 'https:' || url.protocol === 'mailto:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** The id of a heading, in a space of its own, so that no README takes the id of something on the page. */
export function headingId(text: string): string {
  const words = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
  return `readme-${words}`;
}
