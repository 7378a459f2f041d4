import type { Context } from '../../context.ts';
import { system } from '../../kernel/caller.ts';
import { write } from '../../store/write.ts';
import { revokeOneTimeCodes } from '../../subject/secrets/one-time-code.ts';
import { removeSessionsOf } from '../../subject/session.ts';
import { credentialSubjectId, endSubject, identitySubjectId, leaveTombstone } from '../../subject/subject.ts';
import { readCredential } from './credential.ts';
import { touchIdentity } from './identity.store.ts';
import {
  credentialIdsOf,
  deleteCredentialRows,
  deleteIdentityRow,
  dueCredentials,
  dueIdentities,
} from './removal.store.ts';

/**
 * Removes what was deleted and can no longer be restored: the rows go, the subject stays as a tombstone, so that no id
 * is used again. Events stay, by id. Each credential is a transaction of its own, which reads again whether it is still
 * deleted, so that any node may run this at any time.
 */
const atOnce = 100;

export async function removeDeleted(context: Context): Promise<void> {
  const { db } = context.store;
  for (;;) {
    const due = await dueCredentials(db, context.clock.now(), atOnce);
    for (const { realm, identity_id, id } of due) await removeCredential(context, realm, identity_id, id);
    if (due.length < atOnce) break;
  }
  for (;;) {
    const due = await dueIdentities(db, context.clock.now(), atOnce);
    for (const { realm, id } of due) await removeIdentity(context, realm, id);
    if (due.length < atOnce) break;
  }
}

async function removeIdentity(context: Context, realm: string, id: string): Promise<void> {
  for (;;) {
    const ids = await credentialIdsOf(context.store.db, realm, id, atOnce);
    for (const credential of ids) await removeCredential(context, realm, id, credential);
    if (ids.length < atOnce) break;
  }
  await write(context, system, async (tx) => {
    const present = await touchIdentity(tx.db, realm, id);
    if (present === undefined || !isDue(present.remove_at, tx.now)) return;
    // A credential that was made at the last moment, by a node of the release before.
    if ((await credentialIdsOf(tx.db, realm, id, 1)).length > 0) return;
    await deleteIdentityRow(tx.db, realm, id);
    await leaveTombstone(tx, realm, identitySubjectId(id), 'identity');
    await tx.record({ realm, type: 'identity.removed', object: `identity:${id}` });
  });
}

async function removeCredential(context: Context, realm: string, identityId: string, id: string): Promise<void> {
  await write(context, system, async (tx) => {
    await touchIdentity(tx.db, realm, identityId);
    const present = await readCredential(tx, realm, id);
    if (present === undefined) return;
    if (!isDue(present.removeAt, tx.now) && !isDue(present.identity.removeAt, tx.now)) return;
    const subjectId = credentialSubjectId(id);
    await endSubject(tx, realm, subjectId);
    await revokeOneTimeCodes(tx, realm, id);
    await removeSessionsOf(tx, realm, subjectId);
    await deleteCredentialRows(tx.db, realm, id);
    await tx.record({ realm, type: 'credential.removed', object: `credential:${id}`, after: { identityId } });
  });
}

function isDue(removeAt: number | null, now: number): boolean {
  return removeAt !== null && removeAt <= now;
}
