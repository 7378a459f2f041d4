import { cryptoPort } from '@countersign/client/node-crypto';
import {
  decodeBase64url,
  type Explanation,
  explainSignature,
  isJsonObject,
  type Message,
  type MessageExpectation,
  type MessageKey,
  messageFormNames,
  type ParticipantSubject,
  ProofError,
  parseJson,
  type Subject,
  type VerifiedMessage,
  verifyMessage,
} from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import { numericDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { RateLimit } from '../../kernel/rate.ts';
import { isName } from '../../kernel/text.ts';
import type { Realm } from '../../subject/realm.ts';
import { sharedRates } from '../../subject/throttle/shared-rate.ts';
import { lookUpParticipant } from '../participant.ts';
import { offeredKeySchema, requireNewKey } from './public-key.ts';
import { isValidAt, type RegisteredKey } from './registered-key.ts';

/**
 * Checks the signature of a message for one of its two parties: the sender of the message, or its recipient. Nothing is
 * stored, no key is shown, and nothing of the input is repeated.
 *
 * 1. The message is put together from the members of the request.
 * 2. The keys are those of an approved participant, as they are now. Or the caller brings one key, which proves nothing
 *    about its owner (`matches`, never `valid`).
 * 3. A strict message must be for the caller, unless the caller checks a message that it sent itself.
 * 4. The time is now, or a moment that the caller claims without proof. A key that has ended by now counts as ended
 *    then too.
 */

/** Bytes of a message. In base64 and with the other members, it fits into the largest body that the server reads. */
const maxPayload = 700 * 1024;

const name = z.string().refine(isName, 'cannot be an id');
const uri = z.string().min(1).max(8_192);
/** RFC 4648 §4 with padding, because decoders read other spellings differently. */
const base64 = z
  .string()
  .refine(isBase64, 'must be base64 (RFC 4648 section 4, with padding)')
  .meta({ contentEncoding: 'base64', pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' });

/** The description of a message. */
export const messageSchema = z.strictObject({
  /** The value of `x-jws-signature`. */
  signature: z.string().max(65_536),
  /** The exact bytes of the body; empty for none. */
  payload: base64
    .refine((text) => bytesOf(text) <= maxPayload, 'is larger than 700 KiB')
    .meta({ ...base64.meta(), maxLength: Math.ceil(maxPayload / 3) * 4 }),
  participantId: name.optional(),
  publicKey: offeredKeySchema.optional(),
  /** For a request: its method, and its absolute URI or its request target as on the wire. */
  method: z.string().min(1).max(64).optional(),
  target: uri.optional(),
  /** For a response: its status, and the signature value of the request that it answers. */
  status: z.int().min(100).max(599).optional(),
  requestSignature: z.string().max(65_536).optional(),
  /** The recipient of a strict message that the caller sent itself. */
  audience: name.optional(),
});

/** Rules between members: a request has no status, and a `requestSignature` needs a response's `status`. */
export const together = {
  dependentRequired: { requestSignature: ['status'] },
  not: {
    anyOf: ['method', 'target'].flatMap((of) =>
      ['status', 'requestSignature'].map((other) => ({ required: [of, other] })),
    ),
  },
};

export const checkSchema = messageSchema
  .extend({
    at: z.union([numericDate, z.iso.datetime({ offset: true })]).optional(),
    /** The bytes that the sender claims to have signed. */
    signingInput: base64.optional(),
    explain: z.boolean().default(true),
  })
  .meta({ ...together, oneOf: [{ required: ['participantId'] }, { required: ['publicKey'] }] });
export type Presented = z.output<typeof messageSchema>;
type Asked = z.output<typeof checkSchema>;

const text = z.string();

export const verdictSchema = z.object({
  /** With `participantId` only. */
  valid: z.boolean().optional(),
  /** With `publicKey` only, because the owner of that key is not known. */
  matches: z.boolean().optional(),
  reason: text.optional(),
  binding: z.enum(['bytes', 'message']).optional(),
  /** Set if no byte of a message is signed: a response without a body, or a request that describes no message. */
  covers: z.literal('nothing').optional(),
  form: z.enum(messageFormNames as [string, ...string[]]).optional(),
  kid: text.nullable().optional(),
  alg: text.optional(),
  hint: text.optional(),
  /** Set if `at` was given: only the caller says that the message existed then. */
  signingTime: z.literal('unproven').optional(),
  explanation: z.object({ fault: text, text, difference: z.record(z.string(), z.unknown()).optional() }).optional(),
});
export type Verdict = z.output<typeof verdictSchema>;

/**
 * Per caller and minute. A check costs one verification, a receipt also a signature, a diagnosis up to sixty
 * verifications, and a key that the caller brings up to a second.
 */
const limits = {
  checks: { budget: 60_000, window: 60_000, bound: 10_000 },
  receipts: { budget: 1_200, window: 60_000, bound: 10_000 },
  diagnoses: { budget: 60, window: 60_000, bound: 10_000 },
  newKeys: { budget: 60, window: 60_000, bound: 10_000 },
} as const satisfies Record<string, RateLimit>;

const rates = sharedRates('signature check', limits);

/**
 * A bad signature is an answer, not an error.
 *
 * @throws {Problem} `request.invalid`, `registry.key`, `token.insufficient_scope`, `attempt.throttled`
 */
export async function checkSignature(context: Context, realm: Realm, party: Party, asked: Asked): Promise<Verdict> {
  const now = context.clock.now();
  const at = asked.at === undefined ? now : requireMoment(asked.at, now);
  spend(context, 'checks', realm, party);
  if (asked.publicKey !== undefined) spend(context, 'newKeys', realm, party);
  const expected = await expectation(context, realm, party, asked, at);
  const outcome = asked.participantId === undefined ? 'matches' : 'valid';
  const unproven = asked.at === undefined ? {} : ({ signingTime: 'unproven' } as const);
  const { message } = expected;
  const covers = message.kind === 'response' && message.body.length === 0 ? ({ covers: 'nothing' } as const) : {};
  const verified = await outcomeOf(asked.signature, expected);
  if (!(verified instanceof ProofError)) {
    const { binding, form, kid = null, alg, hint } = verified;
    return { [outcome]: true, binding, ...covers, form, kid, alg, ...(hint && { hint }), ...unproven };
  }
  const refusal = { [outcome]: false, reason: verified.code, ...covers, ...named(asked.signature), ...unproven };
  if (!asked.explain) return refusal;
  spend(context, 'diagnoses', realm, party);
  return { ...refusal, explanation: await explain(asked, expected) };
}

/** The callers who may ask. */
export type Party = ParticipantSubject;

export function requireParty(subject: Subject): Party {
  if (subject.kind === 'participant') return subject;
  throw new Problem('token.insufficient_scope', {
    detail: 'Only participants may ask, and only about their own messages.',
  });
}

/** Steps 1 to 4, for a message that is claimed to exist at `at` (milliseconds). */
export async function expectation(
  context: Context,
  realm: Realm,
  party: Party,
  presented: Presented,
  at: number,
): Promise<MessageExpectation> {
  const { participantId, publicKey } = presented;
  if ((participantId === undefined) === (publicKey === undefined)) {
    throw new Problem('request.invalid', {
      detail: 'Name either participantId or publicKey.',
      pointer: '/participantId',
    });
  }
  return {
    crypto: cryptoPort,
    message: messageOf(presented),
    forms: realm.settings.signatureForms,
    keys:
      participantId === undefined
        ? [{ jwk: (await requireNewKey(publicKey ?? {}, '/publicKey')).jwk }]
        : await keysOf(context, realm, participantId),
    now: seconds(at),
    recipient: recipientOf(presented, party.participantId),
  };
}

export async function outcomeOf(
  signature: string,
  expected: MessageExpectation,
): Promise<VerifiedMessage | ProofError> {
  try {
    return await verifyMessage(signature, expected);
  } catch (thrown) {
    if (thrown instanceof ProofError) return thrown;
    throw thrown;
  }
}

/** Step 1. */
function messageOf({ payload, method, target = '', status, requestSignature }: Presented): Message {
  const body = Buffer.from(payload, 'base64');
  if ((method !== undefined || target !== '') && (status !== undefined || requestSignature !== undefined)) {
    throw new Problem('request.invalid', {
      detail: 'method and target belong to a request, status and requestSignature to a response.',
      pointer: '/method',
    });
  }
  if (requestSignature !== undefined && status === undefined) {
    throw new Problem('request.invalid', { detail: '/status: a response must have a status.', pointer: '/status' });
  }
  if (status !== undefined) return { kind: 'response', status, requestSignature: requestSignature ?? '', body };
  // Neither a body nor a target: only a response without a body is signed over no bytes.
  if (body.length === 0 && method === undefined && target === '') {
    return { kind: 'response', status: 0, requestSignature: '', body };
  }
  // `target` is the request target as on the wire, or the absolute URI that contains it.
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  const requestTarget = absolute === undefined ? target : target.slice(absolute.length);
  return { kind: 'request', method: method ?? '', target: absolute === undefined ? '' : target, requestTarget, body };
}

/**
 * Step 2. Unknown participants and participants that are not approved have no keys. A key that has ended by now counts
 * as ended at every moment: `at` is only a claim, and a retired key must not sign anything more by dating it back.
 */
async function keysOf(context: Context, realm: Realm, participantId: string): Promise<readonly MessageKey[]> {
  const now = context.clock.now();
  const participant = await lookUpParticipant(context, realm.name, participantId);
  if (participant?.status !== 'APPROVED') return [];
  // A key registered as strict is refused in the other forms.
  const form = participant.signatureForm === 'strict' ? { form: participant.signatureForm } : {};
  return participant.keys.map((key) => ({ ...messageKey(key, now), ...form }));
}

function messageKey(key: RegisteredKey, now: number): MessageKey {
  const { jwk, notBefore, notAfter } = key;
  if (notAfter !== null && notAfter <= now) return { jwk, notAfter: 0 };
  // Whole seconds, as the check's clock: a key counts as valid in its whole first second and in its whole last second.
  return {
    jwk,
    notBefore: isValidAt(key, now) ? seconds(notBefore) : Math.ceil(notBefore / 1000),
    notAfter: notAfter === null ? undefined : Math.ceil(notAfter / 1000),
  };
}

/** Step 3. */
function recipientOf({ participantId, publicKey, audience }: Presented, own: string): string | undefined {
  if (participantId === own || publicKey !== undefined) return audience;
  if (audience !== undefined && audience !== own) {
    throw new Problem('request.invalid', {
      detail: '/audience: you can check a message of another participant only if it was sent to you.',
      pointer: '/audience',
    });
  }
  return own;
}

/** Step 4. Milliseconds. Half a minute is allowed for clocks that differ. */
function requireMoment(at: number | string, now: number): number {
  const moment = typeof at === 'number' ? at * 1000 : Date.parse(at);
  if (!(moment <= now + 30_000)) {
    throw new Problem('request.invalid', { detail: '/at: must not be in the future.', pointer: '/at' });
  }
  return moment;
}

async function explain(asked: Asked, expected: MessageExpectation): Promise<Verdict['explanation']> {
  const { signingInput } = asked;
  const senderSigningInput = signingInput === undefined ? undefined : Buffer.from(signingInput, 'base64');
  const {
    fault,
    text: said,
    difference,
  }: Explanation = await explainSignature(asked.signature, expected, {
    senderSigningInput,
  });
  return { fault, text: said, ...(difference && { difference: { ...difference } }) };
}

/** The `kid` and `alg` of a refused signature. Only values that could be our own names are shown, never the header. */
function named(signature: string): Pick<Verdict, 'kid' | 'alg'> {
  const bytes = decodeBase64url(signature.split('.', 1)[0] ?? '', 16_384);
  const parsed = bytes && parseJson(bytes, { maxBytes: 16_384, maxDepth: 4 });
  if (!parsed?.ok || !isJsonObject(parsed.value)) return {};
  const { kid, alg } = parsed.value;
  return {
    ...(typeof kid === 'string' && isName(kid) ? { kid } : {}),
    ...(typeof alg === 'string' && /^[A-Za-z0-9-]{1,16}$/.test(alg) ? { alg } : {}),
  };
}

export function spend(context: Context, what: keyof typeof limits, realm: Realm, party: Party): void {
  rates[what](context).admit(`${realm.name} ${party.id}`);
}

function isBase64(value: string): boolean {
  return value.length % 4 === 0 && Buffer.from(value, 'base64').toString('base64') === value;
}

function bytesOf(value: string): number {
  return (value.length / 4) * 3 - (value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0);
}
