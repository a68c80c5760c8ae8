/** A no with a code that stays: the same codes as in docs/errors, so that both verifiers can be held against one list. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}
