import { cryptoPort } from '@countersign/client/node-crypto';
import { type PublicJwk, thumbprint } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { numericDate, seconds } from '../../kernel/clock.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import { unknownSource } from '../../kernel/source.ts';
import { type Writing, write } from '../../store/write.ts';
import { attempts, isFailedProof } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import { sharedRate } from '../../subject/throttle/shared-rate.ts';
import { tellOfParticipant } from '../contacts.ts';
import { readParticipants } from '../participant.ts';
import { keyView, keyViewSchema, retireKeyOf, touchParticipant } from '../participant-administration.ts';
import { changeKeyValidity, readKeys, registerKey } from './participant-key.ts';
import { requirePossession } from './proof-of-possession.ts';
import { offeredKeySchema, requirePublicKey, requireSecretHalf, requireValidity } from './public-key.ts';
import { isValidAt, type RegisteredKey } from './registered-key.ts';

/**
 * A participant replaces its signing key without an administrator.
 *
 * 1. The new key is acceptable, and the caller proves that it holds the private half.
 * 2. The caller also proves that it holds a key of the participant that is valid now, so a stolen token alone cannot
 *    replace a key. A participant without a valid key needs an administrator.
 * 3. In one transaction: the key of step 2 is still valid, no other organisation has the new key, and the older keys
 *    end together, `overlapSeconds` after the new one begins. A key with an earlier end keeps it.
 */
const day = 86_400;

const proof = z.string().min(1).max(8_192);

export const rotationSchema = z.strictObject({
  publicKey: offeredKeySchema,
  /** When the new key begins. Now, if absent or in the past. */
  nbf: numericDate.optional(),
  /** Seconds for which the older keys stay valid beside the new one. */
  overlapSeconds: z
    .int()
    .min(0)
    .max(90 * day)
    .default(day),
  proofs: z.strictObject({ new: proof, current: proof.optional() }),
});
type Rotation = z.output<typeof rotationSchema>;

export const rotatedSchema = keyViewSchema.extend({
  /** The keys that have not ended, with their ends. */
  previous: z.array(z.object({ thumbprint: z.string(), exp: z.number() })),
});

/** Seconds. */
const maxAhead = 90 * day;
/** A verifier tries at most eight keys of a sender. */
const maxLiveKeys = 8;
/** Keys stay as history, so rotations per time need a bound. */
const perParticipant = { budget: 60, window: 3_600_000, bound: 10_000 };

const participantRate = sharedRate('key rotation', perParticipant);

interface NewKey {
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
  readonly notBefore: number;
  readonly notAfter: number | null;
}

/**
 * @throws {Problem} `registry.key`, `registry.key_taken`, `registry.conflict`, `registry.proof`, `registry.transition`,
 * `write.conflict`
 */
export async function rotateKey(
  context: Context,
  realm: Realm,
  participantId: string,
  wanted: Rotation,
  { isOwn, caller }: { readonly isOwn: boolean; readonly caller: Caller },
): Promise<z.output<typeof rotatedSchema>> {
  const key = requirePublicKey(wanted.publicKey, '/publicKey');
  const { jwk } = key;
  const validity = requireValidity(key, { from: requireBeginning(context, wanted.nbf) }, '/publicKey');
  const { notBefore } = validity;
  requireNear(context, notBefore, '/publicKey');
  const next = { jwk, thumbprint: await thumbprint(jwk, cryptoPort), ...validity };
  const asked = { realm, participantId, next, proofs: wanted.proofs, isOwn };
  const provenBy = await provenBothWays(context, asked, caller);
  spendRotation(context, realm.name, participantId);
  await requireSecretHalf(jwk, '/publicKey');
  return write(context, caller, async (tx) => {
    const { organisation_id: organisationId } = await touchParticipant(tx, realm.name, participantId);
    const keys = await readKeys(tx, realm.name, participantId);
    requireStillProven(keys, provenBy, tx.now);
    await registerKey(tx, { ...next, realm: realm.name, participantId, organisationId });
    const end = Math.max(notBefore, tx.now) + wanted.overlapSeconds * 1000;
    const previous = await endKeys(tx, realm.name, participantId, keys, end);
    const { notAfter } = next;
    const exp = notAfter === null ? {} : { exp: seconds(notAfter) };
    const after = { thumbprint: next.thumbprint, alg: jwk.alg, nbf: seconds(notBefore), ...exp, provenBy, previous };
    const event = { realm: realm.name, type: 'participant.key_rotated', object: `participant:${participantId}`, after };
    await tx.record(event);
    await tellOfParticipant(context, tx, realm.name, participantId, 'a new key');
    return { ...keyView(next, tx.now), previous };
  });
}

/** Milliseconds. A key is never valid for signatures from before its registration. */
function requireBeginning(context: Context, nbf: number | undefined): number {
  const now = context.clock.now();
  const from = Math.max(now, (nbf ?? 0) * 1000);
  requireNear(context, from, '/nbf');
  return from;
}

/** The other keys end after the new one begins. */
function requireNear(context: Context, notBefore: number, pointer: string): void {
  if (seconds(notBefore) <= seconds(context.clock.now()) + maxAhead) return;
  throw new Problem('request.invalid', { detail: `${pointer}: must begin at most 90 days from now.`, pointer });
}

interface Asked {
  readonly realm: Realm;
  readonly participantId: string;
  readonly next: NewKey;
  readonly proofs: Rotation['proofs'];
  readonly isOwn: boolean;
}

/** Steps 1 and 2. Returns the thumbprint of the key that vouches for the new one, or null if an administrator does. */
async function provenBothWays(context: Context, asked: Asked, caller: Caller): Promise<string | null> {
  const { realm, participantId, next, proofs } = asked;
  const attempted = `keys ${participantId}`;
  const source = caller.source ?? unknownSource;
  attempts(context).require(realm.name, attempted, source);
  const bound = { realm: realm.name, participantId, thumbprint: next.thumbprint };
  const purpose = { typ: 'countersign-key+jwt', bound } as const;
  const current = await requireVouchers(context, asked);
  try {
    await requirePossession(context, realm, { ...purpose, proof: proofs.new, keys: [next] });
    if (current.length === 0) return null;
    return await requirePossession(context, realm, { ...purpose, proof: proofs.current ?? '', keys: current });
  } catch (thrown) {
    if (isFailedProof(thrown, 'registry.proof')) attempts(context).failed(realm.name, attempted, source);
    throw thrown;
  }
}

/** The valid keys, one of which must vouch for the new key. None if an administrator vouches. */
async function requireVouchers(context: Context, asked: Asked): Promise<readonly RegisteredKey[]> {
  const { realm, participantId, proofs, isOwn } = asked;
  const now = context.clock.now();
  // Read past the cache: this decision needs the current row.
  const [participant] = await readParticipants(context, realm.name, [participantId]);
  if (participant === undefined) throw new Problem('participant.unknown');
  const valid = participant.keys.filter((key) => isValidAt(key, now));
  if (valid.length > 0 && proofs.current === undefined) {
    const pointer = '/proofs/current';
    throw new Problem('request.invalid', { detail: `${pointer}: a key that is valid now must sign too.`, pointer });
  }
  if (valid.length === 0 && isOwn) {
    throw new Problem('registry.transition', {
      detail: 'No key of the participant is valid: an administrator has to do this.',
    });
  }
  return valid;
}

/** First part of step 3: another rotation or retirement may have come in between. */
function requireStillProven(keys: readonly RegisteredKey[], provenBy: string | null, now: number): void {
  const valid = keys.filter((key) => isValidAt(key, now));
  const stands = provenBy === null ? valid.length === 0 : valid.some((key) => key.thumbprint === provenBy);
  if (!stands) {
    const cause = new Error('the key that vouches is not valid any more');
    throw new Problem('registry.proof', { cause });
  }
  const live = keys.filter((key) => key.notAfter === null || key.notAfter > now);
  if (live.length >= maxLiveKeys) {
    throw new Problem('registry.transition', {
      detail: `The participant has ${live.length} keys that have not ended. Retire one.`,
    });
  }
}

/** Last part of step 3. Shortens validities and never extends them. */
async function endKeys(
  tx: Writing,
  realm: string,
  participantId: string,
  keys: readonly RegisteredKey[],
  end: number,
): Promise<{ readonly thumbprint: string; readonly exp: number }[]> {
  const live = keys.filter((key) => key.notAfter === null || key.notAfter > tx.now);
  for (const key of live.filter(({ notAfter }) => notAfter === null || notAfter > end)) {
    const named = { realm, participantId, thumbprint: key.thumbprint };
    await changeKeyValidity(tx, named, { notBefore: key.notBefore, notAfter: end });
  }
  return live.map(({ thumbprint: id, notAfter }) => ({
    thumbprint: id,
    exp: seconds(Math.min(notAfter ?? end, end)),
  }));
}

/**
 * A participant ends one of its own keys. The last valid key may only end as `compromised`: without a valid key the
 * participant cannot sign, and needs an administrator to register a new key.
 */
export async function retireOwnKey(
  context: Context,
  retired: {
    readonly realm: string;
    readonly participantId: string;
    readonly thumbprint: string;
    readonly compromised: boolean;
  },
  { isOwn, caller }: { readonly isOwn: boolean; readonly caller: Caller },
): Promise<z.output<typeof keyViewSchema>> {
  return write(context, caller, async (tx) => {
    // First, so that the second of two retirements at once sees the result of the first.
    await touchParticipant(tx, retired.realm, retired.participantId);
    const keys = await readKeys(tx, retired.realm, retired.participantId);
    const valid = keys.filter((key) => isValidAt(key, tx.now));
    const isLast = valid.length === 1 && valid[0]?.thumbprint === retired.thumbprint;
    if (isOwn && isLast && !retired.compromised) {
      throw new Problem('registry.transition', {
        detail: 'This is the last valid key. Rotate it, or say that it is compromised.',
      });
    }
    const view = await retireKeyOf(tx, retired);
    await tellOfParticipant(context, tx, retired.realm, retired.participantId, 'the end of a key');
    return view;
  });
}

function spendRotation(context: Context, realm: string, participantId: string): void {
  participantRate(context).admit(realmKey(realm, participantId));
}
