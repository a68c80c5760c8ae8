import { json, path } from './client';
import type { Name } from './registry';
import type {
  AuditLine,
  Flags,
  Identity,
  IssuedToken,
  Me,
  Namespace,
  Progress,
  Publisher,
  ReviewView,
  SignInProvider,
  TokenLine,
} from './types';

// What those do who are signed in.

export const signIn = (user: string, password: string) =>
  json<unknown>('/v1/session', { method: 'POST', body: { user, password } });
/** By a code that is good once: of a new server's first link, or from an operator. */
export const signInByCode = (code: string) => json<unknown>('/v1/session', { method: 'POST', body: { code } });
/** Where people sign in besides by a password. */
export const signInProviders = () =>
  json<{ providers: SignInProvider[] }>('/v1/sign-in').then(({ providers }) => providers);
/** The address at the provider, for this browser alone. */
export const beginSignIn = (provider: string, next: string) =>
  json<{ url: string }>(path`/v1/sign-in/${provider}/begin`, { method: 'POST', body: { next } });
export const identities = () => json<{ identities: Identity[] }>('/v1/me/identities');
export const linkIdentity = (provider: string) =>
  json<{ url: string }>('/v1/me/identities', { method: 'POST', body: { provider } });
export const unlinkIdentity = (id: string) => json<void>(path`/v1/me/identities/${id}`, { method: 'DELETE' });

export const signOut = () => json<void>('/v1/session', { method: 'DELETE' });
export const me = () => json<Me>('/v1/me');
export const changePassword = (old: string, password: string) =>
  json<void>('/v1/me/password', { method: 'PUT', body: { old, new: password } });

export const tokens = () => json<{ tokens: TokenLine[] }>('/v1/tokens');
export const makeToken = (wanted: { label: string; pattern?: string; actions?: string[]; expires_in_s?: number }) =>
  json<IssuedToken>('/v1/tokens', { method: 'POST', body: wanted });
export const revokeToken = (id: string) => json<void>(path`/v1/tokens/${id}`, { method: 'DELETE' });

export const makeNamespace = (name: string) => json<Namespace>('/v1/namespaces', { method: 'POST', body: { name } });
export const setMember = (namespace: string, user: string, role: string) =>
  json<void>(path`/v1/namespaces/${namespace}/members/${user}`, { method: 'PUT', body: { role } });
export const removeMember = (namespace: string, user: string) =>
  json<void>(path`/v1/namespaces/${namespace}/members/${user}`, { method: 'DELETE' });
export const proveDomain = (namespace: string, domain: string) =>
  json<{ control: string }>(path`/v1/namespaces/${namespace}/control`, {
    method: 'POST',
    body: { method: 'dns', domain },
  });
export const publishers = (namespace: string) =>
  json<{ publishers: Publisher[] }>(path`/v1/namespaces/${namespace}/publishers`);
export const addPublisher = (namespace: string, publisher: Omit<Publisher, 'id' | 'created_at'>) =>
  json<Publisher>(path`/v1/namespaces/${namespace}/publishers`, { method: 'POST', body: publisher });
export const removePublisher = (namespace: string, id: string) =>
  json<void>(path`/v1/namespaces/${namespace}/publishers/${id}`, { method: 'DELETE' });
export const auditLog = (namespace: string) => json<{ audit: AuditLine[] }>(path`/v1/namespaces/${namespace}/audit`);

export const appeal = ({ namespace, name }: Name, version: string, message: string) =>
  json<Progress>(path`/v1/packages/${namespace}/${name}/${version}/appeal`, { method: 'POST', body: { message } });
export const withdraw = ({ namespace, name }: Name, version: string, reason: string) =>
  json<Progress>(path`/v1/packages/${namespace}/${name}/${version}/withdrawal`, { method: 'POST', body: { reason } });

/** With the receipt of a workspace that uses it. */
export const review = ({ namespace, name }: Name, receipt: unknown, rating: number, body: string) =>
  json<ReviewView>(path`/v1/packages/${namespace}/${name}/reviews`, {
    method: 'POST',
    body: { receipt, rating, body },
  });
export const reply = ({ namespace, name }: Name, review: string, text: string) =>
  json<void>(path`/v1/packages/${namespace}/${name}/reviews/${review}/reply`, { method: 'PUT', body: { text } });
export const flag = ({ namespace, name }: Name, review: string, text: string) =>
  json<void>(path`/v1/packages/${namespace}/${name}/reviews/${review}/flags`, { method: 'POST', body: { text } });
export const removeReview = ({ namespace, name }: Name, review: string, text: string) =>
  json<void>(path`/v1/packages/${namespace}/${name}/reviews/${review}/removal`, { method: 'POST', body: { text } });
export const keepReview = ({ namespace, name }: Name, review: string, text: string) =>
  json<void>(path`/v1/packages/${namespace}/${name}/reviews/${review}/resolution`, { method: 'POST', body: { text } });

export const flags = () => json<Flags>('/v1/review-flags');
export const heldReleases = () => json<Progress[]>('/v1/moderation/releases');
export const decideRelease = (id: string, decision: 'approve' | 'reject', reason: string) =>
  json<Progress>(path`/v1/moderation/releases/${id}`, { method: 'POST', body: { decision, reason } });
export const heldNamespaces = () => json<{ namespaces: Namespace[] }>('/v1/moderation/namespaces');
export const decideNamespace = (namespace: string, verdict: 'grant' | 'refuse', reason: string) =>
  json<unknown>(path`/v1/moderation/namespaces/${namespace}`, { method: 'POST', body: { verdict, reason } });
