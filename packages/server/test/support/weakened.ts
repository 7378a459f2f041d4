import { system } from '../../src/kernel/caller.ts';
import { write } from '../../src/store/write.ts';
import { requireRealm } from '../../src/subject/realm.ts';
import { authenticateSession, openSession } from '../../src/subject/session.ts';
import type { TestServer } from './server.ts';

/** A session that has shown no factor where there is one: not by a login, but however it came to be. */
export async function weakened({ context }: TestServer, token: string): Promise<string> {
  const [realm, { subject }] = [await requireRealm(context, 'dev'), await authenticateSession(context, token)];
  return (await write(context, system, (tx) => openSession(context, tx, realm, subject, { acr: 'aal1' }))).token;
}
