/**
 * Packed calls: the call is a DIDComm message that only the realm can read, and only the caller can read the answer.
 *
 * 1. The message opens with the realm's key, and proves the DID of its sender.
 * 2. The message is new, on this node and every other.
 * 3. The message contains a normal call. A proof inside the call must be by the sender.
 * 4. The answer is sealed to the sender, also if it is a refusal. Only a message that cannot be opened is refused in
 *    the open, with one reason for all faults.
 */
import { ProofError } from '@countersign/proof';
import type {
  AgreementKey,
  Answer,
  EphemeralKey,
  NamedAgreementKey,
  OwnAgreementKey,
  UnpackedCall,
} from '@countersign/proof/didcomm';
import type { Context } from '../context.ts';
import { instantOfDate, seconds } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { agreementFragment, agreeOn, ephemeralX25519 } from '../subject/secrets/custody.ts';
import { useOnce } from '../subject/tokens/replay.ts';
import { realmDid } from './realm-did.ts';

/** Loaded for the first packed call, because most servers never get one. */
const didcomm = () => import('@countersign/proof/didcomm');

/** Seconds that the caller may read the answer. */
const answerLife = 60;

export interface OpenedCall extends UnpackedCall {
  readonly own: OwnAgreementKey;
  readonly senderKey: NamedAgreementKey;
}

/** Steps 1 and 2. @throws {Problem} `packed.refused` */
export async function openCall(context: Context, realm: Realm, presented: Uint8Array): Promise<OpenedCall> {
  const { didKeySender, unpackCall } = await didcomm();
  const { own, did } = await ownKey(context, realm);
  let sender: AgreementKey | undefined;
  const call = await unpackCall(presented, {
    keys: [own],
    recipient: did,
    now: seconds(context.clock.now()),
    senderKey: (kid) => {
      sender = didKeySender(kid);
      return sender;
    },
  }).catch((cause: unknown) => {
    throw cause instanceof ProofError ? new Problem('packed.refused', { cause }) : cause;
  });
  const key = `${call.sender}\0${call.id}`;
  if (!(await useOnce(context, realm.name, 'packed', key, instantOfDate(call.rememberUntil)))) {
    throw new Problem('packed.refused', { reason: 'the message came before' });
  }
  return { ...call, own, senderKey: { kid: call.senderKid, key: sender as AgreementKey } };
}

/** Step 4. */
export async function sealAnswer(context: Context, call: OpenedCall, answer: Answer): Promise<Uint8Array> {
  const { agreementKey, packAnswer } = await didcomm();
  const createdTime = seconds(context.clock.now());
  const packed = await packAnswer({
    id: context.random.uuid(),
    callId: call.id,
    answer,
    sender: call.own,
    recipient: call.senderKey,
    createdTime,
    expiresTime: createdTime + answerLife,
    random: context.random.bytes,
    maxBytes: 1_048_576,
    ephemeral: (): EphemeralKey => {
      const { publicKey, agree } = ephemeralX25519();
      return { key: checked(agreementKey('X25519', publicKey)), agree: (peer) => agree(peer.raw) };
    },
  });
  return new TextEncoder().encode(packed);
}

async function ownKey(context: Context, realm: Realm) {
  const { agreementKey } = await didcomm();
  const { peer, secrets } = await realmDid(context, realm.name);
  const kid = peer.short + agreementFragment;
  const publicKey = peer.document.verificationMethods.get(kid)?.publicKey as Uint8Array;
  const agree = agreeOn(secrets);
  const own: OwnAgreementKey = {
    kid,
    key: checked(agreementKey('X25519', publicKey)),
    agree: ({ raw }) => agree(raw),
  };
  return { own, did: peer.short };
}

function checked(result: { readonly ok: true; readonly key: AgreementKey } | { readonly ok: false }): AgreementKey {
  if (result.ok) return result.key;
  throw new Problem('internal', { reason: 'one of our own agreement keys is damaged' });
}
