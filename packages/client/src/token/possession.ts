/**
 * Bound tokens (RFC 9449 §7): the presenter must also prove, for this one request and once, that it holds the key.
 *
 * 1. A bound token must come with the scheme `DPoP` and exactly one proof; any other token must not use this scheme.
 * 2. The proof is for this token, this method and this public address, and was made just now.
 * 3. The token is bound to the key of the proof.
 * 4. The proof was not seen before. This is checked last: otherwise a stranger could use up the proofs of others.
 */
import { type CryptoPort, type HeaderFields, type Subject, verifyDpop } from '@countersign/proof';
import { orUnavailable, problem } from '../message/message-problem.ts';
import type { ReplayStore } from '../message/replay.ts';
import { fieldValues, type PresentedToken } from './bearer-token.ts';
import './caller-refusal.ts';

/** A request as its sender addressed it. */
export interface AddressedRequest {
  readonly method: string;
  /** The absolute public URL; undefined if no public URL is configured. */
  readonly target: string | undefined;
}

export interface PossessionTerms {
  readonly crypto: CryptoPort;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly replay: ReplayStore;
}

/**
 * @throws {MessageProblem} `token.scheme`, `dpop.*`, `replay.unavailable`
 * @throws {ProofError} `dpop.*`
 */
export async function requirePossession(
  subject: Subject,
  { token, scheme }: PresentedToken,
  headers: HeaderFields,
  request: AddressedRequest | undefined,
  { crypto, now, replay }: PossessionTerms,
): Promise<void> {
  const bound = subject.confirmation;
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
  const isSeen = await orUnavailable('replay.unavailable', () =>
    replay.seen(key, (rememberUntil + 1) * 1000, subject.id),
  );
  if (isSeen) throw problem('dpop.replayed');
}

/** RFC 9449 §4.2: "without query and fragment parts". */
function addressOf(target: string): string {
  return target.replace(/[?#].*$/s, '');
}
