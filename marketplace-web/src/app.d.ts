declare global {
  namespace App {
    interface Error {
      message: string;
      /** A stable code of docs/errors. */
      code?: string;
      /** The next thing to do. */
      hint?: string | undefined;
    }
  }
}

export {};
