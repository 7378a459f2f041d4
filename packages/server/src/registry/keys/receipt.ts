import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url, type Message, ProofError, type Receipt, type VerifiedMessage } from '@countersign/proof';
import type { z } from 'zod';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../../subject/realm.ts';
import { issueDocument } from '../../subject/tokens/token.ts';
import { requireParticipant } from '../participant.ts';
import { currentOf, type RegisteredKey } from './registered-key.ts';
import { expectation, messageSchema, outcomeOf, type Party, spend, together } from './signature-check.ts';

/** For a participant's registered key, or for the key of a received message: never for a key that the caller brings. */
export const receiptSchema = messageSchema.omit({ publicKey: true }).required({ participantId: true }).meta(together);

/**
 * The realm countersigns a message that is good now, together with the key's state and the time. So the signature can
 * be checked years later, long after the key was retired. A separate key signs receipts and stays published for good.
 * The server stores neither the message nor the receipt: the caller keeps both.
 *
 * @throws {Problem} `signature.refused` with the reason, and the codes of `checkSignature`
 */
export async function issueReceipt(
  context: Context,
  realm: Realm,
  party: Party,
  presented: z.output<typeof receiptSchema>,
): Promise<string> {
  const now = context.clock.now();
  spend(context, 'receipts', realm, party);
  // Read past the cache: a receipt outlives the seconds in which a node may not know that the key was retired.
  context.cache.invalidate('participant', realmKey(realm.name, presented.participantId));
  const expected = await expectation(context, realm, party, presented, now);
  const verified = await outcomeOf(presented.signature, expected);
  if (verified instanceof ProofError) {
    throw new Problem('signature.refused', { detail: `${verified.code}: ${verified.message}`, pointer: '/signature' });
  }
  const participant = await requireParticipant(context, realm.name, presented.participantId);
  const key = participant.keys.find(({ thumbprint }) => thumbprint === verified.thumbprint);
  if (key === undefined) throw new Problem('write.conflict');
  const receipt: Receipt = {
    iss: realm.issuer,
    iat: seconds(now),
    jti: context.random.uuid(),
    participantId: participant.id,
    organisationId: participant.organisationId,
    presenter: { sub: party.id, participantId: party.participantId },
    signature: presented.signature,
    form: verified.form,
    binding: verified.binding,
    key: keyState(key, currentOf(participant.keys, now)?.thumbprint),
    message: receipted(expected.message, verified, expected.recipient),
  };
  return issueDocument(context, realm.name, 'receipt', 'receipt+jwt', receipt);
}

/** The key with the times that the check used: whole seconds, in each of which the key was valid. */
function keyState(key: RegisteredKey, current: string | undefined): Receipt['key'] {
  return {
    thumbprint: key.thumbprint,
    jwk: key.jwk,
    nbf: seconds(key.notBefore),
    exp: key.notAfter === null ? null : Math.ceil(key.notAfter / 1000),
    status: key.thumbprint === current ? 'current' : 'previous',
  };
}

/** Only what the signature binds, because the realm vouches for nothing that the caller merely says. */
function receipted(message: Message, { form }: VerifiedMessage, recipient: string | undefined): Receipt['message'] {
  const { kind, body } = message;
  const bytes = { kind, digest: encodeBase64url(cryptoPort.sha256(body)), length: body.length };
  const inPlace = kind === 'request' && body.length === 0 ? { requestTarget: message.requestTarget } : {};
  if (form !== 'strict' || recipient === undefined) return { ...bytes, ...inPlace };
  const bound =
    kind === 'request'
      ? { method: message.method, target: message.target }
      : { status: message.status, requestSignature: message.requestSignature };
  return { ...bytes, ...inPlace, ...bound, recipient };
}
