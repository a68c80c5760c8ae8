import { me, signIn, signInByCode, signOut } from './api/account';
import { Problem } from './api/client';
import type { Me } from './api/types';

/** Whether a cookie was set: no secret, it only saves a visitor the question who he is. */
const SIGNED_IN = 'signed-in';

/** Who is signed in. The cookie itself is not for scripts to read. */
class Session {
  me = $state<Me | undefined>(undefined);
  private asked: Promise<Me | undefined> | undefined;

  /** Who it is, asked once. */
  ready(): Promise<Me | undefined> {
    this.asked ??= this.find();
    return this.asked;
  }

  async signIn(user: string, password: string): Promise<void> {
    await signIn(user, password);
    await this.begin();
  }

  async signInByCode(code: string): Promise<void> {
    await signInByCode(code);
    await this.begin();
  }

  /** A provider has signed him in: the cookie is there. */
  async signedInElsewhere(): Promise<void> {
    await this.begin();
  }

  async signOut(): Promise<void> {
    await signOut();
    this.forget();
  }

  /** After a change of what he may. */
  async refresh(): Promise<void> {
    this.asked = this.find();
    await this.asked;
  }

  isMember(namespace: string): boolean {
    return this.me?.namespaces.some((membership) => membership.namespace === namespace) ?? false;
  }

  isOwner(namespace: string): boolean {
    return (
      this.me?.namespaces.some((membership) => membership.namespace === namespace && membership.role === 'owner') ??
      false
    );
  }

  private async begin(): Promise<void> {
    localStorage.setItem(SIGNED_IN, 'yes');
    this.asked = this.find();
    await this.asked;
  }

  private async find(): Promise<Me | undefined> {
    if (localStorage.getItem(SIGNED_IN) === null) return undefined;
    try {
      this.me = await me();
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      this.forget();
    }
    return this.me;
  }

  private forget(): void {
    localStorage.removeItem(SIGNED_IN);
    this.me = undefined;
    this.asked = undefined;
  }
}

export const session = new Session();
