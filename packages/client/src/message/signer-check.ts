import {
  type CryptoPort,
  type Message,
  type MessageForm,
  type MessageHeaderCache,
  ProofError,
  type VerifiedMessage,
  verifyMessage,
} from '@countersign/proof';
import type { ParticipantDetail } from '../registry/participant-detail.ts';
import type { Registry } from '../registry/registry.ts';
import type { StatusFollower } from '../status/status.ts';
import { isApproved, messageKeys } from './message-keys.ts';
import { isNotFound, MessageProblem, orUnavailable, problem } from './message-problem.ts';
import './message-refusal.ts';

export interface SignerCheckOptions {
  readonly registry: Registry & { lookUp?(id: string): ParticipantDetail | Promise<ParticipantDetail> };
  /** Without it, keys that were retired as compromised are not noticed. */
  readonly status: StatusFollower | undefined;
  readonly crypto: CryptoPort;
  readonly headers: MessageHeaderCache;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface SignedBy {
  readonly participantId: string;
  /** The client that the token was issued to; a response has no token. */
  readonly clientId?: string;
  readonly signature: string;
  readonly forms: readonly MessageForm[];
  readonly message: Message;
  readonly recipient: string | undefined;
}

export interface CheckedSigner {
  readonly participant: ParticipantDetail;
  readonly verified: VerifiedMessage;
}

/** Refusals that a newer registry entry may lift: a new key, another client, a reinstatement. */
const liftable = new Set([
  'participant.not_approved',
  'participant.client',
  'message.signature',
  'message.signature_length',
  'message.alg_mismatch',
  'message.kid_unknown',
  'message.key_missing',
  'message.key_form',
  'message.key_not_yet_valid',
]);

/**
 * Finds the registered participant that signed a message. It must be approved, have the named client, and have signed with a
 * key that is valid now and was not retired as compromised. If the cached entry would refuse the message, the registry is asked
 * once before the refusal.
 *
 * @throws {ProofError} `message.*`
 * @throws {MessageProblem} `participant.*`, `message.key_revoked`, `registry.unavailable`
 */
export async function checkSigner(signed: SignedBy, options: SignerCheckOptions): Promise<CheckedSigner> {
  const { registry } = options;
  const known = await find(() => registry.lookUp?.(signed.participantId) ?? registry.participant(signed.participantId));
  try {
    return await check(signed, known, options);
  } catch (error) {
    const isLiftable = (error instanceof ProofError || error instanceof MessageProblem) && liftable.has(error.code);
    if (!isLiftable || registry.refresh === undefined) throw error;
    const newest = await find(() => registry.refresh?.(signed.participantId) ?? known);
    if (newest === known) throw error;
    return check(signed, newest, options);
  }
}

async function find(look: () => ParticipantDetail | Promise<ParticipantDetail>): Promise<ParticipantDetail> {
  return orUnavailable('registry.unavailable', async () => {
    try {
      return await look();
    } catch (error) {
      throw isNotFound(error) ? problem('participant.unknown', { cause: error }) : error;
    }
  });
}

async function check(
  signed: SignedBy,
  participant: ParticipantDetail,
  options: SignerCheckOptions,
): Promise<CheckedSigner> {
  if (!isApproved(participant)) throw problem('participant.not_approved');
  if (signed.clientId !== undefined && signed.clientId !== participant.kcClientId) throw problem('participant.client');
  const verified = await verifyMessage(signed.signature, {
    crypto: options.crypto,
    message: signed.message,
    forms: signed.forms,
    keys: messageKeys(participant),
    now: options.now() / 1000,
    recipient: signed.recipient,
    headers: options.headers,
  });
  if (options.status?.isKeyRevoked(verified.thumbprint)) throw problem('message.key_revoked');
  return { participant, verified };
}
