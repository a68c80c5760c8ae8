import { Problem } from '$lib/api/client';
import { Registry, type Name } from '$lib/api/registry';
import type { Progress, State } from '$lib/api/types';

/** Seconds that one question may wait for news: the registry waits no longer than 30. */
const WAIT_S = 25;
/** Milliseconds until it is asked again after a question failed. */
const AGAIN_MS = 3_000;

/** States that nothing follows from by itself. */
const RESTING: State[] = ['released', 'yanked', 'quarantined', 'revoked', 'rejected'];

/** A release on its way, as the registry tells it: each answer comes as soon as there is news. */
export class Watch {
  now = $state.raw<Progress>() as Progress;
  /** Why nothing is heard just now. */
  silent = $state<Problem | undefined>(undefined);
  private readonly end = new AbortController();

  constructor(
    private readonly name: Name,
    first: Progress,
  ) {
    this.now = first;
  }

  get isOver(): boolean {
    return RESTING.includes(this.now.state);
  }

  /** Until it rests, or the page goes. */
  async run(): Promise<void> {
    const registry = new Registry();
    while (!this.end.signal.aborted && !this.isOver) {
      try {
        const since = this.now.events[this.now.events.length - 1]?.seq ?? 0;
        this.now = await registry.progress(this.name, this.now.version, since, WAIT_S, this.end.signal);
        this.silent = undefined;
      } catch (problem) {
        if (this.end.signal.aborted) return;
        this.silent = problem instanceof Problem ? problem : new Problem(0, 'offline', String(problem));
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  stop(): void {
    this.end.abort();
  }
}
