import { parsePublicJwk } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { unknownSource } from '../../kernel/source.ts';
import { updateVersioned } from '../../store/versioned.ts';
import { type Writing, write } from '../../store/write.ts';
import { attempts, isFailedProof } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import { findClient } from '../client.store.ts';
import { addSecret, makeSecret, type StoredSecret } from '../client.ts';
import { readKeys } from '../keys/participant-key.ts';
import { requirePossession } from '../keys/proof-of-possession.ts';
import { isValidAt } from '../keys/registered-key.ts';
import { findParticipant } from '../participant.store.ts';
import { type ApplicationRow, findApplication } from './application.store.ts';
import { codeHash, pickUpPurpose } from './application.ts';

/**
 * How a new participant gets its client secret.
 *
 * 1. The applicant presents the one-time code from its application, and a proof by the key of the application over that
 *    code: neither a stolen code nor a stolen key is enough.
 * 2. A wrong code, a wrong proof and an unknown application give the same refusal. After the code was used, the proof of
 *    the key alone tells the applicant so.
 * 3. A caller who proved both is the applicant, and may learn that the application is not approved (any more).
 * 4. The code is consumed by compare-and-set in the transaction that stores the secret's digest, so only one of two
 *    pick-ups at once gets a secret.
 */
export const pickUpSchema = z.strictObject({
  code: z.string().min(1).max(255),
  proof: z.string().min(1).max(8_192),
});

export const credentialsSchema = z.object({
  clientId: z.string(),
  clientSecret: z.string(),
  participantId: z.string(),
  tokenEndpoint: z.string(),
});

/** Seconds that a secret lives on which an administrator issued in the meantime. */
const overlap = 86_400;

export async function pickUpCredentials(
  context: Context,
  realm: Realm,
  id: string,
  presented: z.output<typeof pickUpSchema>,
  caller: Caller,
): Promise<z.output<typeof credentialsSchema>> {
  const source = caller.source ?? unknownSource;
  const attempted = `application ${id.slice(0, 128)}`;
  attempts(context).require(realm.name, attempted, source);
  try {
    const { participantId, clientId } = await requireApplicant(context, realm, id, presented);
    const secret = makeSecret(context);
    await write(context, caller, (tx) =>
      consume(tx, { realm: realm.name, id, participantId, clientId, secret: secret.stored }),
    );
    const tokenEndpoint = `${realm.issuer}/protocol/openid-connect/token`;
    return { clientId, clientSecret: secret.value, participantId, tokenEndpoint };
  } catch (thrown) {
    if (isFailedProof(thrown, 'registry.proof')) attempts(context).failed(realm.name, attempted, source);
    throw thrown;
  }
}

/** Steps 1 to 3. */
async function requireApplicant(context: Context, realm: Realm, id: string, presented: z.output<typeof pickUpSchema>) {
  const row = await findApplication(context.store.db, realm.name, id);
  const matches = context.vault.matches(pickUpPurpose, presented.code, row?.code_digest ?? '');
  // Without a code there is nothing more to guess, and the proof of the key shows that the caller is the applicant.
  const isPickedUp = row !== undefined && row.status === 'APPROVED' && row.code_digest === null;
  if (row === undefined || !(matches || isPickedUp)) throw refused('the code is not the one of the application');
  const jwk = parsePublicJwk(JSON.parse(row.jwk));
  if (!jwk.ok) throw new Problem('internal', { reason: `the stored key is damaged: ${jwk.reason}` });
  await requirePossession(context, realm, {
    proof: presented.proof,
    keys: [{ jwk: jwk.key, thumbprint: row.thumbprint }],
    typ: 'countersign-pickup+jwt',
    bound: { id, codeHash: codeHash(presented.code) },
  });
  if (isPickedUp) throw pickedUp(row);
  if (row.status !== 'APPROVED' || row.participant_id === null || row.client_id === null) {
    throw new Problem('registry.transition', { detail: `The application is ${row.status}.` });
  }
  return { participantId: row.participant_id, clientId: row.client_id };
}

interface PickUp {
  readonly realm: string;
  readonly id: string;
  readonly participantId: string;
  readonly clientId: string;
  readonly secret: StoredSecret;
}

/** Step 4. */
async function consume(tx: Writing, pickUp: PickUp): Promise<void> {
  const { realm, id, participantId, clientId, secret } = pickUp;
  const row = await findApplication(tx.db, realm, id);
  if (row === undefined) throw refused('the application is gone');
  if (row.code_digest === null) throw pickedUp(row);
  if (!(await updateVersioned(tx.db, 'application', row, { code_digest: null, updated_at: tx.now })))
    throw pickedUp({ ...row, updated_at: tx.now });
  await requireStillApproved(tx, row, participantId);
  const client = await findClient(tx.db, realm, clientId);
  if (client === undefined || client.ended_at !== null)
    throw new Problem('registry.transition', { detail: 'The client has ended.' });
  await addSecret(tx, client, secret, overlap);
  const event = { before: { pickedUp: false }, after: { pickedUp: true, clientId, secretId: secret.id } };
  await tx.record({ realm, type: 'application.picked_up', object: `application:${id}`, ...event });
}

/** The participant may have been suspended since, or the key retired because it leaked. */
async function requireStillApproved(tx: Writing, row: ApplicationRow, participantId: string): Promise<void> {
  const participant = await findParticipant(tx.db, row.realm, participantId);
  if (participant?.status !== 'APPROVED')
    throw new Problem('registry.transition', { detail: `The participant is ${participant?.status ?? 'gone'}.` });
  const key = (await readKeys(tx, row.realm, participantId)).find(({ thumbprint }) => thumbprint === row.thumbprint);
  if (key === undefined || !isValidAt(key, tx.now)) throw refused('the key is no longer registered');
}

/** For a caller who has proved to be the applicant. */
function pickedUp({ updated_at, participant_id }: ApplicationRow): Problem {
  return new Problem('registry.transition', {
    detail: `The credentials were picked up on ${isoDate(updated_at)}. A lost secret is replaced with the key: countersign participant secret ${participant_id} --key FILE. If it was not you, tell the administrators.`,
  });
}

function refused(reason: string): Problem {
  return new Problem('registry.proof', { reason });
}
