/**
 * Bound tokens (RFC 9449 §7): whoever shows one also shows, for this very request and once, that it holds the key.
 *
 * 1. A bound token goes under the scheme `DPoP`, with exactly one proof; any other token does not.
 * 2. The proof is one for this token, this method and this address as others know it, made just now.
 * 3. Its key is the one that the token is bound to.
 * 4. It has not been seen before: only now, or anybody could use up the proofs of others.
 */
import { type CryptoPort, type HeaderFields, type Subject, verifyDpop } from '@countersign/proof';
import { fieldValues, type PresentedToken } from './bearer-token.ts';
import { orUnavailable, problem } from './message-problem.ts';
import type { ReplayStore } from './replay.ts';

/** A request as whoever sent it knows it. */
export interface AddressedRequest {
  readonly method: string;
  /** Absolute, as others reach us; undefined where nobody has said how they do. */
  readonly target: string | undefined;
}

export interface PossessionTerms {
  readonly crypto: CryptoPort;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly replay: ReplayStore;
}

/** @throws {MessageProblem} `token.scheme`, `dpop.*`, `replay.unavailable`; {ProofError} `dpop.*` */
export async function requirePossession(
  subject: Subject,
  { token, scheme }: PresentedToken,
  headers: HeaderFields,
  request: AddressedRequest | undefined,
  { crypto, now, replay }: PossessionTerms,
): Promise<void> {
  const bound = subject.kind === 'wallet' ? subject.confirmation : undefined;
  if ((bound !== undefined) !== (scheme === 'dpop')) throw problem('token.scheme');
  if (bound === undefined) return;
  const [proof, ...more] = fieldValues(headers, 'dpop');
  if (proof === undefined || more.length > 0) throw problem('dpop.missing');
  if (request?.target === undefined) throw problem('dpop.public_url');
  const { thumbprint, jti, rememberUntil } = await verifyDpop(proof, {
    crypto,
    method: request.method,
    uris: [addressOf(request.target)],
    now: now() / 1000,
    accessToken: token,
  });
  if (thumbprint !== bound) throw problem('dpop.key');
  const key = `dpop ${thumbprint} ${jti}`;
  const isSeen = await orUnavailable('replay.unavailable', () => replay.seen(key, (rememberUntil + 1) * 1000));
  if (isSeen) throw problem('dpop.replayed');
}

/** RFC 9449 §4.2: "without query and fragment parts". */
function addressOf(target: string): string {
  return target.replace(/[?#].*$/s, '');
}
