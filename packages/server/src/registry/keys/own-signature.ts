import { cryptoPort } from '@countersign/client/node-crypto';
import { ProofError, type RequestMessage, verifyMessage } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { instantOfDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { RequestOrigin } from '../../kernel/source.ts';
import type { Writing } from '../../store/write.ts';
import { attempts } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import { useOnce } from '../../subject/tokens/replay.ts';
import { findParticipant } from '../participant.store.ts';
import { readParticipants } from '../participant.ts';
import { noteRefusal } from '../refusals/refusal.ts';
import { readKeys } from './participant-key.ts';
import { isValidAt } from './registered-key.ts';

/** A request to this server that a participant has signed. */
export interface OwnRequest {
  readonly participantId: string;
  /** The value of `x-jws-signature`. */
  readonly signature: string;
  readonly message: RequestMessage;
}

/**
 * Verifies that the participant itself has signed the request for this server, in the strict form.
 *
 * 1. The participant is approved, and one of its keys that are valid now made the signature.
 * 2. Method and target are those of this request, the audience is the realm's issuer, and the time is the present.
 * 3. The signature is presented for the first time.
 *
 * Returns the thumbprint of the key. The refusal names faults that the sender can mend. Reasons that depend on the registry's contents go to the log only.
 *
 * @throws {Problem} `registry.proof`, `attempt.throttled` after too many failures for this participant from this source
 */
export async function requireOwnSignature(
  context: Context,
  realm: Realm,
  { participantId, signature, message }: OwnRequest,
  { source, requestId }: RequestOrigin,
): Promise<string> {
  const attempted = `keys ${participantId}`;
  attempts(context).require(realm.name, attempted, source);
  const note = (proved: boolean, reason: string) =>
    noteRefusal(context, {
      realm: realm.name,
      named: { participantId },
      proved,
      request: 'own request',
      reason,
      source,
      requestId,
    });
  try {
    const {
      jti,
      freshUntil = 0,
      thumbprint,
    } = await verifyMessage(signature, {
      crypto: cryptoPort,
      message,
      forms: ['strict'],
      keys: await currentKeys(context, realm.name, participantId),
      now: seconds(context.clock.now()),
      recipient: realm.issuer,
    });
    const value = `${participantId}\0${jti}`;
    if (await useOnce(context, realm.name, 'strict-request', value, instantOfDate(freshUntil + 1))) return thumbprint;
  } catch (thrown) {
    if (!(thrown instanceof ProofError)) throw thrown;
    attempts(context).failed(realm.name, attempted, source);
    note(false, thrown.code);
    throw refused(depending.has(thrown.code) ? undefined : thrown.code, thrown);
  }
  note(true, 'message.replayed');
  throw refused('message.replayed');
}

/** Refuses if the key, or its participant, has ended since: a change that it signs must not outlive it. */
export async function requireStandingKey(
  tx: Writing,
  realm: string,
  participantId: string,
  thumbprint: string,
): Promise<void> {
  const participant = await findParticipant(tx.db, realm, participantId);
  const keys = participant?.status === 'APPROVED' ? await readKeys(tx, realm, participantId) : [];
  if (!keys.some((key) => key.thumbprint === thumbprint && isValidAt(key, tx.now)))
    throw new Problem('registry.proof', { reason: 'the key ended a moment ago' });
}

function refused(reason: string | undefined, cause?: unknown): Problem {
  const detail = reason === undefined ? undefined : `The strict signature is refused: ${reason}.`;
  return new Problem('registry.proof', { detail, cause });
}

/** Reasons that would reveal which participants and keys exist. */
const depending: ReadonlySet<string> = new Set([
  'message.key_missing',
  'message.kid_unknown',
  'message.alg_mismatch',
  'message.signature_length',
  'message.signature',
]);

/** Read past the cache: this decision needs the current row. */
async function currentKeys(context: Context, realm: string, participantId: string) {
  const [participant] = await readParticipants(context, realm, [participantId]);
  if (participant?.status !== 'APPROVED') return [];
  const now = context.clock.now();
  return participant.keys.filter((key) => isValidAt(key, now)).map(({ jwk }) => ({ jwk }));
}
