import type { Source } from './source.ts';

/** The caller, for the event log: never a secret, never a token. */
export interface Caller {
  /**
   * `cli`, `system` or `anonymous`; or a name with its kind, such as `participant:…` or a DID; or a client id (see
   * `clientActor`).
   */
  readonly actor: string;
  readonly requestId: string;
  /** Where the request came from, if there is one. */
  readonly source?: Source;
}

/**
 * A client in the event log: its id, with the prefix `client:` if the id reads like another kind of actor. Administrators
 * choose client ids, and must not write events in the name of the server or of others.
 */
export function clientActor(id: string): string {
  return /^(?:cli|system|anonymous)$|[:/]/.test(id) ? `client:${id}` : id;
}

/** The server itself: its start and its jobs. */
export const system: Caller = { actor: 'system', requestId: '' };

/** A stranger, where no single request is meant. */
export const anonymous: Caller = { actor: 'anonymous', requestId: '' };
