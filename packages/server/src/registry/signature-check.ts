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
import type { Context } from '../context.ts';
import { numericDate, seconds } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { createRate, type Rate, type RateLimit } from '../kernel/rate.ts';
import { isName } from '../kernel/text.ts';
import type { Realm } from '../subject/realm.ts';
import { lookUpParticipant } from './participant.ts';
import { requireNewKey } from './public-key.ts';
import { isValidAt, type RegisteredKey } from './registered-key.ts';

/**
 * Whether the signature of a message is good, asked by one of its two parties: the sender, of its own; or whoever received it.
 * Nothing is stored, no key is shown, and nothing of what was presented is repeated.
 *
 * 1. The message is put together from what is said about it.
 * 2. Whose keys: those of an approved participant, as they are now; or one key that the caller brought, which says nothing about
 *    anybody (`matches`, never `valid`).
 * 3. Whom a strict message has to be for: the caller, unless the caller checks what it has sent itself.
 * 4. When: now; or at a moment that the caller claims, which nothing proves. A key that has ended by now is ended then, too.
 */

/** Bytes of a message. In base64, with the other members, it fits the largest body that is read. */
const maxPayload = 700 * 1024;

const name = z.string().refine(isName, 'cannot be an id');
const uri = z.string().min(1).max(8_192);
/** RFC 4648 §4 with padding: what other spellings could mean differs from decoder to decoder. */
const base64 = z
  .string()
  .refine(isBase64, 'must be base64 (RFC 4648 section 4, with padding)')
  .meta({ contentEncoding: 'base64', pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' });

/** What is said about a message. */
export const messageSchema = z.strictObject({
  /** The value of `x-jws-signature`. */
  signature: z.string().max(65_536),
  /** The exact bytes of the body; empty where there is none. */
  payload: base64
    .refine((text) => bytesOf(text) <= maxPayload, 'is larger than 700 KiB')
    .meta({ ...base64.meta(), maxLength: Math.ceil(maxPayload / 3) * 4 }),
  participantId: name.optional(),
  publicKey: z.record(z.string(), z.unknown()).optional(),
  /** Of a request: its method and its absolute URI, or its request target as on the wire. */
  method: z.string().min(1).max(64).optional(),
  target: uri.optional(),
  /** Of a response: its status, and the signature value of the request that it answers. */
  status: z.int().min(100).max(599).optional(),
  requestSignature: z.string().max(65_536).optional(),
  /** Whom a strict message of one's own is for. */
  audience: name.optional(),
});

/** What members mean together: a request has no status, and what it answers has a response. */
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
    /** What the sender says to have signed. */
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
  /** With `publicKey` only: nobody has said whose key that is. */
  matches: z.boolean().optional(),
  reason: text.optional(),
  binding: z.enum(['bytes', 'message']).optional(),
  /** Where no byte of a message is signed: a response without a body, or nothing was said of the message. */
  covers: z.literal('nothing').optional(),
  form: z.enum(messageFormNames as [string, ...string[]]).optional(),
  kid: text.nullable().optional(),
  alg: text.optional(),
  hint: text.optional(),
  /** Where `at` was given: that the message was there then is the caller's word. */
  signingTime: z.literal('unproven').optional(),
  explanation: z.object({ fault: text, text, difference: z.record(z.string(), z.unknown()).optional() }).optional(),
});
export type Verdict = z.output<typeof verdictSchema>;

/**
 * Each caller's, a minute: a check costs a verification, a receipt a signature too, a diagnosis up to sixty verifications, a key that is
 * brought along up to a second.
 */
const limits = {
  checks: { budget: 60_000, window: 60_000, bound: 10_000 },
  receipts: { budget: 1_200, window: 60_000, bound: 10_000 },
  diagnoses: { budget: 60, window: 60_000, bound: 10_000 },
  newKeys: { budget: 60, window: 60_000, bound: 10_000 },
} as const satisfies Record<string, RateLimit>;

const rates = new WeakMap<Context, Record<keyof typeof limits, Rate>>();

/** Throws `request.invalid`, `registry.key`, `token.insufficient_scope`, `attempt.throttled`. A bad signature is an answer. */
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

/** Who may ask. */
export type Party = ParticipantSubject;

export function requireParty(subject: Subject): Party {
  if (subject.kind === 'participant') return subject;
  throw new Problem('token.insufficient_scope', 'Only participants may ask, about messages of theirs.');
}

/** Steps 1 to 4, for a message that is said to be there at `at` (milliseconds). */
export async function expectation(
  context: Context,
  realm: Realm,
  party: Party,
  presented: Presented,
  at: number,
): Promise<MessageExpectation> {
  const { participantId, publicKey } = presented;
  if ((participantId === undefined) === (publicKey === undefined)) {
    throw new Problem('request.invalid', 'Name participantId or publicKey, one of them.', {
      pointer: '/participantId',
    });
  }
  return {
    crypto: cryptoPort,
    message: messageOf(presented),
    forms: realm.settings.signatureForms,
    keys:
      participantId === undefined
        ? [{ jwk: await requireNewKey(publicKey ?? {}, '/publicKey') }]
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
    throw new Problem(
      'request.invalid',
      'method and target are of a request, status and requestSignature of a response.',
      {
        pointer: '/method',
      },
    );
  }
  if (requestSignature !== undefined && status === undefined) {
    throw new Problem('request.invalid', '/status: a response has one.', { pointer: '/status' });
  }
  if (status !== undefined) return { kind: 'response', status, requestSignature: requestSignature ?? '', body };
  // Neither a body nor a place: only a response without a body is signed over no bytes.
  if (body.length === 0 && method === undefined && target === '') {
    return { kind: 'response', status: 0, requestSignature: '', body };
  }
  // `target` is the request target as on the wire, or the absolute URI, whose path and query were on the wire.
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  const requestTarget = absolute === undefined ? target : target.slice(absolute.length);
  return { kind: 'request', method: method ?? '', target: absolute === undefined ? '' : target, requestTarget, body };
}

/**
 * Step 2. An unknown participant has no keys, and neither has one that is not approved. What has ended by now has ended at every
 * moment: `at` is only the word of the caller, and a key that was given up signs nothing any more, whatever the date on it.
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
  // Whole seconds, as the clock of the check: within its first second a key is valid already, within its last it still is.
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
    throw new Problem('request.invalid', '/audience: a message of somebody else has to be for yourself.', {
      pointer: '/audience',
    });
  }
  return own;
}

/** Step 4. Milliseconds. Half a minute for clocks that differ. */
function requireMoment(at: number | string, now: number): number {
  const moment = typeof at === 'number' ? at * 1000 : Date.parse(at);
  if (!(moment <= now + 30_000)) {
    throw new Problem('request.invalid', '/at: must not be in the future.', { pointer: '/at' });
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

/** What the header names, for a signature that is refused: only what could be a name of ours, never the header. */
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
  let own = rates.get(context);
  if (own === undefined) {
    const { clock } = context;
    own = {
      checks: createRate(clock, limits.checks),
      receipts: createRate(clock, limits.receipts),
      diagnoses: createRate(clock, limits.diagnoses),
      newKeys: createRate(clock, limits.newKeys),
    };
    rates.set(context, own);
  }
  const key = `${realm.name} ${party.id}`;
  own[what].require(key);
  own[what].spend(key);
}

function isBase64(value: string): boolean {
  return value.length % 4 === 0 && Buffer.from(value, 'base64').toString('base64') === value;
}

function bytesOf(value: string): number {
  return (value.length / 4) * 3 - (value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0);
}
