import { Problem } from '$lib/api/client';
import type { Name } from '$lib/api/registry';
import type { Answer, Call, Denial, DryRun, NoAnswer, Workspace } from '$lib/api/workspace';
import { NO_FAULTS, type Faults } from '$lib/schema/faults';

/** What came of a call. */
export type Outcome =
  | { kind: 'answer'; answer: Answer }
  | { kind: 'looked'; looked: DryRun }
  /** `ran`: it ran, and has a bill. */
  | { kind: 'problem'; problem: unknown; ran: NoAnswer | undefined }
  | { kind: 'cancelled' };

/** Calls of one operation, one after the other. */
export class Caller {
  outcome = $state.raw<Outcome | undefined>(undefined);
  faults = $state.raw<Faults>(NO_FAULTS);
  /** Milliseconds that the running one has taken so far. */
  elapsed = $state<number | undefined>(undefined);
  private controller: AbortController | undefined;

  constructor(
    private readonly workspace: Workspace,
    private readonly name: Name,
    private readonly operation: string,
  ) {}

  /** Looks whether the input fits, since the answer to that says where it does not; then makes the call, unless `onlyLook`. */
  async make(call: Call, onlyLook: boolean): Promise<void> {
    const begun = performance.now();
    const controller = (this.controller = new AbortController());
    [this.outcome, this.faults, this.elapsed] = [undefined, NO_FAULTS, 0];
    const timer = setInterval(() => (this.elapsed = performance.now() - begun), 100);
    const { signal } = controller;
    try {
      const looked = await this.look({ ...call, signal }, onlyLook);
      if (looked === 'unfit') return;
      this.outcome = onlyLook
        ? { kind: 'looked', looked: looked! }
        : { kind: 'answer', answer: await this.workspace.invoke(this.name, this.operation, { ...call, signal }) };
    } catch (problem) {
      this.outcome = signal.aborted ? { kind: 'cancelled' } : { kind: 'problem', problem, ran: ranOf(problem) };
    } finally {
      clearInterval(timer);
      this.elapsed = undefined;
    }
  }

  /** Closes the request, which stops the call. */
  cancel(): void {
    this.controller?.abort();
  }

  private async look({ files: _, ...call }: Call, isAll: boolean): Promise<DryRun | 'unfit' | undefined> {
    try {
      return await this.workspace.dryRun(this.name, this.operation, call);
    } catch (problem) {
      if (problem instanceof Problem && problem.code === 'input-invalid') {
        this.faults = problem.faults;
        if (this.faults.size > 0) return 'unfit';
      }
      // What a call would be denied, the call itself says with what would allow it.
      if (isAll || call.signal?.aborted) throw problem;
      return undefined;
    }
  }
}

function ranOf(problem: unknown): NoAnswer | undefined {
  const body = problem instanceof Problem ? (problem.body as Partial<NoAnswer> | undefined) : undefined;
  return body?.bill ? (body as NoAnswer) : undefined;
}

/** What was denied, the denial that ended the call among it. */
export function denialsOf(ran: Pick<NoAnswer, 'denials'> & { failure?: NoAnswer['failure'] }): Denial[] {
  const last = ran.failure?.failure === 'denied' ? (ran.failure as unknown as Denial) : undefined;
  const denials = ran.denials ?? [];
  return last && !denials.some(({ asked, reason }) => asked === last.asked && reason === last.reason)
    ? [...denials, last]
    : denials;
}
