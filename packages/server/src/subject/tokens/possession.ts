import type { Subject } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../realm.ts';
import { requireDpop } from './dpop.ts';

/** A token as a request has presented it, with the proof that a bound token needs. */
export interface PresentedToken {
  readonly token: string;
  readonly scheme: 'bearer' | 'dpop';
  /** The `DPoP` field. */
  readonly proof: string | null;
  /** The request as its sender addressed it. Undefined if no trusted proxy has named it: then no bound token is good. */
  readonly request: { readonly method: string; readonly uris: readonly string[] } | undefined;
}

/**
 * The presenter of a bound token holds its key (RFC 9449 §7): a bound token comes with the scheme `DPoP` and a proof for this
 * request, made once; any other token comes without.
 *
 * @throws {Problem} `token.invalid`, `dpop.missing`, `dpop.invalid`
 */
export async function requirePossession(
  context: Context,
  realm: Realm,
  { confirmation }: Subject,
  { token, scheme, proof, request }: PresentedToken,
): Promise<void> {
  if ((confirmation !== undefined) !== (scheme === 'dpop'))
    throw refused('a bound token needs the scheme DPoP, others Bearer');
  if (confirmation === undefined) return;
  if (request === undefined) throw refused('the token is bound, and no trusted proxy has named the original request');
  await requireDpop(context, realm, proof, { ...request, accessToken: token, boundTo: confirmation });
}

function refused(reason: string): Problem {
  return new Problem('token.invalid', { reason });
}
