/**
 * Packed calls: the call is a DIDComm message that only the realm can read, and only the caller can read the answer.
 *
 * 1. The message opens with the realm's key, and proves the DID of its sender.
 * 2. The message is new, on this node and every other.
 * 3. The message contains a normal call, or a trust ping. A proof inside the call must be by the sender.
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

/** An opened message, with the keys to answer it. */
interface Opened {
  readonly id: string;
  readonly own: OwnAgreementKey;
  readonly senderKey: NamedAgreementKey;
}
export type OpenedCall = UnpackedCall & Opened;

/** https://didcomm.org/trust-ping/2.0: asks whether the realm can be reached and understood. */
export interface OpenedPing extends Opened {
  readonly isPing: true;
  readonly wantsAnswer: boolean;
}

const ping = 'https://didcomm.org/trust-ping/2.0/ping';
const pingResponse = 'https://didcomm.org/trust-ping/2.0/ping-response';

/** Steps 1 and 2. @throws {Problem} `packed.refused` */
export async function openPacked(
  context: Context,
  realm: Realm,
  presented: Uint8Array,
): Promise<OpenedCall | OpenedPing> {
  const { didKeySender, unpack, unpackCall } = await didcomm();
  const { own, did } = await ownKey(context, realm);
  let sender: AgreementKey | undefined;
  const expected = {
    keys: [own],
    recipient: did,
    now: seconds(context.clock.now()),
    senderKey: (kid: string) => {
      sender = didKeySender(kid);
      return sender;
    },
  };
  const opened = await unpackCall(presented, expected)
    .catch((cause: unknown) => {
      if (!(cause instanceof ProofError && cause.code === 'didcomm.type_unexpected')) throw cause;
      return unpack(presented, { ...expected, modes: ['authcrypt'], type: ping });
    })
    .catch((cause: unknown) => {
      throw cause instanceof ProofError ? new Problem('packed.refused', { cause }) : cause;
    });
  const key = `${opened.sender}\0${opened.id}`;
  if (!(await useOnce(context, realm.name, 'packed', key, instantOfDate(opened.rememberUntil)))) {
    throw new Problem('packed.refused', { reason: 'the message came before' });
  }
  const keys = { own, senderKey: { kid: opened.senderKid as string, key: sender as AgreementKey } };
  if ('method' in opened) return { ...opened, ...keys };
  return { id: opened.id, isPing: true, wantsAnswer: opened.body.response_requested !== false, ...keys };
}

/** Step 4 for a ping. Empty if the sender wants no answer. */
export async function answerPing(context: Context, { id, wantsAnswer, own, senderKey }: OpenedPing) {
  if (!wantsAnswer) return new Uint8Array();
  const { pack } = await didcomm();
  const message = { type: pingResponse, thid: id, body: {}, sender: own, recipients: [senderKey] };
  return new TextEncoder().encode(await pack({ ...message, ...(await sealing(context)) }));
}

/** Step 4. */
export async function sealAnswer(context: Context, call: OpenedCall, answer: Answer): Promise<Uint8Array> {
  const { packAnswer } = await didcomm();
  const ends = { sender: call.own, recipient: call.senderKey };
  const packed = await packAnswer({ callId: call.id, answer, ...ends, ...(await sealing(context)) });
  return new TextEncoder().encode(packed);
}

/** What is new in every answer. */
async function sealing(context: Context) {
  const { agreementKey } = await didcomm();
  const createdTime = seconds(context.clock.now());
  return {
    id: context.random.uuid(),
    createdTime,
    expiresTime: createdTime + answerLife,
    random: context.random.bytes,
    maxBytes: 1_048_576,
    ephemeral: (): EphemeralKey => {
      const { publicKey, agree } = ephemeralX25519();
      return { key: checked(agreementKey('X25519', publicKey)), agree: (peer) => agree(peer.raw) };
    },
  };
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
