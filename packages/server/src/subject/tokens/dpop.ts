import { cryptoPort } from '@countersign/client/node-crypto';
import { algorithms, ProofError, type VerifiedDpop, verifyDpop } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { instantOfDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../realm.ts';
import { useOnce } from './replay.ts';

/** The algorithms that a proof may have. */
export const dpopAlgorithms = Object.keys(algorithms);

export interface DpopRequest {
  /** Default POST: remote procedures have no other. */
  readonly method?: string;
  /** The URIs under which this request can be made. */
  readonly uris: readonly string[];
  /** The token that comes with the request. Absent if there is none yet. */
  readonly accessToken?: string;
  /** The thumbprint of the only key that is good. Absent if there is none yet. */
  readonly boundTo?: string;
}

/**
 * The thumbprint of the key that proved itself for this request, once (RFC 9449).
 *
 * @throws {Problem} `dpop.missing`, `dpop.invalid`
 */
export async function requireDpop(
  context: Context,
  realm: Realm,
  presented: string | null,
  request: DpopRequest,
): Promise<string> {
  return (await requireDpopKey(context, realm, presented, request)).thumbprint;
}

/** The same, with the key itself. */
export async function requireDpopKey(
  context: Context,
  realm: Realm,
  presented: string | null,
  request: DpopRequest,
): Promise<VerifiedDpop> {
  if (presented === null || presented === '') throw new Problem('dpop.missing');
  const { boundTo, ...expected } = request;
  const proof = await verified(context, presented, expected);
  if (boundTo !== undefined && proof.thumbprint !== boundTo)
    throw new Problem('dpop.invalid', { reason: 'the token is bound to another key' });
  // Last: what is remembered costs a write, and a stranger makes any number of good proofs by keys of its own.
  const key = `${proof.thumbprint}\0${proof.jti}`;
  if (await useOnce(context, realm.name, 'dpop', key, instantOfDate(proof.rememberUntil))) return proof;
  throw new Problem('dpop.invalid', { reason: 'the DPoP proof was used before' });
}

async function verified(
  context: Context,
  presented: string,
  request: Omit<DpopRequest, 'boundTo'>,
): Promise<VerifiedDpop> {
  try {
    return await verifyDpop(presented, {
      method: 'POST',
      ...request,
      crypto: cryptoPort,
      now: seconds(context.clock.now()),
    });
  } catch (cause) {
    // The maker of a proof may know what is wrong with it.
    if (cause instanceof ProofError) throw new Problem('dpop.invalid', { detail: cause.message, cause });
    throw cause;
  }
}
