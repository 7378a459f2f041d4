import type { CryptoPort } from '../crypto.ts';
import { ProofError } from '../error.ts';
import type { JsonObject } from '../json.ts';
import { isKid } from '../jwk.ts';
import type { Message, RequestMessage, ResponseMessage } from './message.ts';
import { requestDigest } from './sign.ts';
import { canonicalTarget } from './target.ts';
import './refusal.ts';

/** The values that a strict signature must agree with. */
export interface ClaimsExpectation {
  readonly crypto: Pick<CryptoPort, 'sha256'>;
  readonly message: Message;
  readonly now: number;
  readonly recipient?: string | undefined;
  readonly clockTolerance?: number | undefined;
  readonly maxAge?: number | undefined;
}

interface StrictClaims {
  readonly iat: number;
  readonly freshUntil: number;
  readonly jti?: string;
}

/** Seconds, if the expectation names none. */
const defaultTolerance = 30;
const defaultMaxAge = 300;

/** Step 6 of `verifyMessage`, for a header whose signature is good. */
export async function checkClaims(members: JsonObject, expected: ClaimsExpectation): Promise<StrictClaims> {
  const { message } = expected;
  if (message.kind === 'response') await checkResponse(members, message, expected.crypto);
  else checkRequest(members, message);
  if (!isKid(expected.recipient) || members.aud !== expected.recipient) throw new ProofError('message.aud');
  const times = checkTime(members, expected);
  if (message.kind === 'response') return times;
  if (!isKid(members.jti)) throw new ProofError('message.jti');
  return { ...times, jti: members.jti };
}

function checkRequest({ htm, htu }: JsonObject, { method, target }: RequestMessage): void {
  if (htm !== method) throw new ProofError('message.htm');
  const actual = canonicalTarget(target);
  if (actual === undefined) throw new ProofError('message.target');
  // The same rule on both sides: the sender's URI must have a canonical spelling too, or it is refused.
  if (typeof htu !== 'string' || canonicalTarget(htu) !== actual) throw new ProofError('message.htu');
}

async function checkResponse(
  { sts, req }: JsonObject,
  { status, requestSignature }: ResponseMessage,
  crypto: Pick<CryptoPort, 'sha256'>,
): Promise<void> {
  if (sts !== status) throw new ProofError('message.sts');
  if (requestSignature === '' || req !== (await requestDigest(requestSignature, crypto))) {
    throw new ProofError('message.req');
  }
}

function checkTime({ iat }: JsonObject, expected: ClaimsExpectation): StrictClaims {
  const { now, clockTolerance = defaultTolerance, maxAge = defaultMaxAge } = expected;
  if (typeof iat !== 'number' || !Number.isSafeInteger(iat) || iat < 0) throw new ProofError('message.iat');
  const freshUntil = iat + maxAge + clockTolerance;
  if (iat > now + clockTolerance) throw new ProofError('message.in_future');
  // Written so that a clock of NaN refuses.
  if (!(now <= freshUntil)) throw new ProofError('message.stale');
  return { iat, freshUntil };
}
