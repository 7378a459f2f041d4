import type { Context } from '../context.ts';
import type { Source } from '../kernel/source.ts';
import type { Realm } from '../subject/realm.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import type { Parameters } from './parameters.ts';

/** A request to the token endpoint, before anybody has looked who sends it. */
export interface GrantRequest {
  readonly context: Context;
  readonly realm: Realm;
  readonly parameters: Parameters;
  /** The address that it came from. */
  readonly source: Source;
  /** The `DPoP` field; null where there is none. */
  readonly dpop: string | null;
  /** What joins it to other calls: named by the caller, else the id of the request. */
  readonly transaction: () => string;
  /** True where it carries what looks like a client's proof, good or not. */
  readonly presentsClient: () => boolean;
  /** Throws `oauth.invalid_client`. */
  authenticate(): Promise<AuthenticatedClient>;
}
