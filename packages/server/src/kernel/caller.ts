import type { Source } from './source.ts';

/** The caller, for the event log: never a secret, never a token. */
export interface Caller {
  /** A client id, `cli`, `system`, or `anonymous`. */
  readonly actor: string;
  readonly requestId: string;
  /** Where the request came from, if there is one. */
  readonly source?: Source;
}

/** The server itself: its start and its jobs. */
export const system: Caller = { actor: 'system', requestId: '' };

/** A stranger, where no single request is meant. */
export const anonymous: Caller = { actor: 'anonymous', requestId: '' };
