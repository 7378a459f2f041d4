import type { Context } from '../../context.ts';
import type { Source } from '../../kernel/source.ts';
import type { Realm } from '../../subject/realm.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import type { Parameters } from './parameters.ts';

/** A request to the token endpoint, before the caller has proved itself. */
export interface GrantRequest {
  readonly context: Context;
  readonly realm: Realm;
  readonly parameters: Parameters;
  /** The address that the request came from. */
  readonly source: Source;
  /** The `DPoP` field, or null. */
  readonly dpop: string | null;
  /**
   * The thumbprint of the key that the `DPoP` field proves (RFC 9449 §5). Undefined without the field.
   *
   * @throws {Problem} `dpop.invalid`
   */
  confirmation(): Promise<string | undefined>;
  /** The id of this request, for the event log. */
  readonly requestId: string;
  /** The id that joins this call to others: given by the caller, else the id of the request. */
  readonly transaction: () => string;
  /** True if the request carries a client's proof, good or bad. */
  readonly presentsClient: () => boolean;
  /** @throws {Problem} `oauth.invalid_client` */
  authenticate(): Promise<AuthenticatedClient>;
}
