import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import type { SessionTable } from '../store/schema.ts';
import { write } from '../store/write.ts';
import type { Realm } from './realm.ts';
import { absoluteEnd, endSession, findSessionRow, openSessionsOf, type Session } from './session.ts';
import { type CredentialSubject, credentialSubjectId, lookUpSubjectState, renewSubject } from './subject.ts';

/** Epoch milliseconds as text, because the documented calls write 64-bit numbers so. */
const timestamp = z.string().regex(/^\d+$/);

export const sessionViewSchema = z.object({
  id: z.string(),
  credential: z.object({ type: z.enum(['ROOT', 'USER']), id: z.string() }),
  identity: z.object({ type: z.literal('corporates'), id: z.string() }),
  amr: z.array(z.string()),
  acr: z.enum(['aal1', 'aal2']),
  createdTimestamp: timestamp,
  lastSeenTimestamp: timestamp,
  expiryTimestamp: timestamp,
  source: z.string().nullable(),
  userAgent: z.string().nullable(),
  /** True for the session that asks. */
  current: z.boolean(),
});

/** "Logout – the user explicitly logs out". */
export async function logOut(context: Context, session: Session, caller: Caller): Promise<void> {
  await end(context, session.realm, session.id, session.subject.id, 'logout', caller);
}

/** The newest open sessions of a credential, newest first. @throws {Problem} `credential.unknown` */
export async function sessionsOfCredential(
  context: Context,
  realm: Realm,
  credentialId: string,
  current: Session | undefined,
): Promise<z.output<typeof sessionViewSchema>[]> {
  const subjectId = await requireCredentialSubject(context, realm.name, credentialId);
  return (await openSessionsOf(context, realm, subjectId)).map((row) => sessionView(realm, row, current));
}

/**
 * "Forced by Admin", or by its holder from another device. `owner` limits it to the sessions of one subject; other
 * sessions count as unknown. A session that has ended already is no error.
 *
 * @throws {Problem} `session.unknown`
 */
export async function terminateSession(
  context: Context,
  realm: string,
  id: string,
  owner: string | undefined,
  caller: Caller,
): Promise<void> {
  const row = await findSessionRow(context, realm, id);
  if (row === undefined || (owner !== undefined && row.subject_id !== owner)) throw new Problem('session.unknown');
  await end(context, realm, id, row.subject_id, 'force', caller);
}

/** Ends every session of a credential, and every token made from one. @throws {Problem} `credential.unknown` */
export async function terminateSessionsOf(
  context: Context,
  realm: string,
  credentialId: string,
  caller: Caller,
): Promise<void> {
  const subjectId = await requireCredentialSubject(context, realm, credentialId);
  await write(context, caller, async (tx) => {
    await renewSubject(tx, realm, subjectId);
    const object = `credential:${credentialId}`;
    await tx.record({ realm, type: 'credential.sessions_terminated', object });
  });
}

async function requireCredentialSubject(context: Context, realm: string, credentialId: string): Promise<string> {
  const subjectId = credentialSubjectId(credentialId);
  if ((await lookUpSubjectState(context, realm, subjectId)) === undefined) throw new Problem('credential.unknown');
  return subjectId;
}

async function end(
  context: Context,
  realm: string,
  id: string,
  subjectId: string,
  by: 'logout' | 'force',
  caller: Caller,
): Promise<void> {
  await write(context, caller, async (tx) => {
    if (!(await endSession(tx, realm, id, by))) return;
    const after = { subject: subjectId, by };
    await tx.record({ realm, type: 'session.ended', object: `session:${id}`, after });
  });
}

function sessionView(
  realm: Realm,
  row: SessionTable,
  current: Session | undefined,
): z.output<typeof sessionViewSchema> {
  const { credential, identity } = JSON.parse(row.subject) as CredentialSubject;
  return {
    id: row.id,
    credential: { type: credential.type, id: credential.id },
    identity,
    amr: row.amr.split(' '),
    acr: row.acr as Session['acr'],
    createdTimestamp: String(row.created_at),
    lastSeenTimestamp: String(row.seen_at),
    expiryTimestamp: String(absoluteEnd(realm, row)),
    source: row.source,
    userAgent: row.agent,
    current: row.id === current?.id,
  };
}
