import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { currentSequence } from '../../store/write.ts';
import type { Realm } from '../realm.ts';
import { listRevocations } from './revocation.store.ts';
import { capabilityTold } from './revocation.ts';
import { deleteIncarnation, findIncarnatedAt, findIncarnation, insertIncarnation } from './status.store.ts';
import { issueDocument } from './token.ts';

/** Seconds that a reader may act on one statement of the feed. */
const statusSeconds = 30;

/**
 * The status feed: the revocations of a realm that have not expired. A reader keeps `seq` and asks for later entries.
 * If `incarnation` changes (another database, a restore), or `after` differs from its request, it reloads everything.
 */
export interface StatusClaims {
  readonly iss: string;
  readonly iat: number;
  readonly exp: number;
  readonly incarnation: string;
  /** In commit order: no entry with a smaller number appears later. Numbers are not consecutive. */
  readonly seq: number;
  readonly after: number;
  readonly revoked: readonly RevokedEntry[];
}

export interface RevokedEntry {
  readonly kind: 'subject' | 'token' | 'session' | 'key' | 'capability';
  readonly id: string;
  /** For a subject: its tokens of this generation and earlier are dead. */
  readonly generation?: number;
  readonly seq: number;
  /** NumericDate after which the entry may be forgotten. */
  readonly exp: number;
}

export interface SignedStatus {
  readonly jwt: string;
  readonly claims: StatusClaims;
}

export async function issueStatus(context: Context, realm: Realm, after: number): Promise<SignedStatus> {
  const now = context.clock.now();
  // The number is read first: a later commit may be listed too early, which is harmless, but is never skipped.
  const seq = await currentSequence(context.store);
  const rows = await listRevocations(context.store.db, realm.name, {
    after,
    now,
    capabilitiesSince: now - capabilityTold,
  });
  const claims: StatusClaims = {
    iss: realm.issuer,
    iat: seconds(now),
    exp: seconds(now) + statusSeconds,
    incarnation: await incarnation(context),
    seq,
    after,
    revoked: rows.map((row) => ({
      kind: row.kind,
      id: row.key,
      ...(row.generation === null ? {} : { generation: row.generation }),
      seq: row.seq,
      exp: seconds(row.kind === 'capability' ? Math.min(row.expires_at, row.at + capabilityTold) : row.expires_at) + 1,
    })),
  };
  return { claims, jwt: await issueDocument(context, realm.name, 'status', 'status+jwt', claims) };
}

/** For a database restored from a copy: its readers must not go on from their old numbers. Returns the new name. */
export async function renewIncarnation(context: Context): Promise<string> {
  await deleteIncarnation(context.store.db);
  return incarnation(context);
}

/** The name of this database. A restored or moved database gets a new one, so that readers do not trust old numbers. */
export async function incarnation(context: Context): Promise<string> {
  const known = await findIncarnation(context.store.db);
  if (known !== undefined) return known;
  await insertIncarnation(context.store.db, context.random.uuid(), context.clock.now());
  return (await findIncarnation(context.store.db)) as string;
}

/** When this database got its name: what happened in the one that it was copied from after the copy, it cannot know. */
export async function incarnatedAt(context: Context): Promise<number> {
  await incarnation(context);
  return findIncarnatedAt(context.store.db);
}
