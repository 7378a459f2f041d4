import { parsePublicJwk } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { unknownSource } from '../../kernel/source.ts';
import { attempts, isFailedProof } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import { requirePossession } from '../keys/proof-of-possession.ts';
import { findApplication } from './application.store.ts';
import { type ApplicationStatus, applicationStatuses } from './application.ts';

/** How an applicant, who has no credentials yet, asks for its application: a proof by the key of the application. */
export const statusRequestSchema = z.strictObject({ proof: z.string().min(1).max(8_192) });

export const ownApplicationSchema = z.object({
  id: z.string(),
  status: z.enum(applicationStatuses),
  role: z.string(),
  participantId: z.string().nullable(),
  /** Of a rejection. */
  reason: z.string().nullable(),
  pickedUp: z.boolean(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type OwnApplication = z.output<typeof ownApplicationSchema>;

/** An unknown application and a wrong proof give the same refusal. @throws {Problem} `registry.proof` */
export async function ownApplication(
  context: Context,
  realm: Realm,
  id: string,
  { proof }: z.output<typeof statusRequestSchema>,
  caller: Caller,
): Promise<OwnApplication> {
  const source = caller.source ?? unknownSource;
  const attempted = `application ${id.slice(0, 128)}`;
  attempts(context).require(realm.name, attempted, source);
  try {
    const row = await findApplication(context.store.db, realm.name, id);
    const jwk = parsePublicJwk(JSON.parse(row?.jwk ?? 'null'));
    if (row === undefined || !jwk.ok) throw new Problem('registry.proof', { reason: 'the application is unknown' });
    await requirePossession(context, realm, {
      proof,
      keys: [{ jwk: jwk.key, thumbprint: row.thumbprint }],
      typ: 'countersign-status+jwt',
      bound: { id },
    });
    return {
      id,
      status: row.status as ApplicationStatus,
      role: row.role,
      participantId: row.participant_id,
      reason: row.reason,
      pickedUp: row.status === 'APPROVED' && row.code_digest === null,
      createdAt: isoDate(row.created_at),
      updatedAt: isoDate(row.updated_at),
    };
  } catch (thrown) {
    if (isFailedProof(thrown, 'registry.proof')) attempts(context).failed(realm.name, attempted, source);
    throw thrown;
  }
}
