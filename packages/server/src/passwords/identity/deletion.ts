import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { tellOwner } from '../../mail/notice.ts';
import { type Writing, write } from '../../store/write.ts';
import { requireRealm } from '../../subject/realm.ts';
import { credentialSubjectId, reinstateSubject } from '../../subject/subject.ts';
import { forgetDevices } from '../device.ts';
import { enabledCredentialIds, updateCredential } from './credential.store.ts';
import { lockCredential, requireCredential, shutOut } from './credential.ts';
import { touchIdentity, updateIdentity } from './identity.store.ts';

/**
 * Identities and credentials are deleted in two steps.
 *
 * 1. From the deletion on nothing of them can be used: sessions, codes, known devices and links to wallets end for good,
 *    passwords and second factors wait. The code stays taken.
 * 2. Within `deletionGraceDays` they can be restored. Password and second factors come back together: a password that
 *    came back alone would be a weaker login than before.
 * 3. After that a job removes them (`removal.ts`). The time is fixed at the deletion, whatever the setting is later.
 */
const day = 86_400_000;

/** Repeating it changes nothing. @throws {Problem} `credential.unknown` */
export async function deleteCredential(context: Context, realm: string, id: string, caller: Caller): Promise<void> {
  const { identity } = await requireCredential(context, realm, id);
  const grace = await graceOf(context, realm);
  await write(context, caller, async (tx) => {
    const before = await lockCredential(tx, realm, identity.id, id);
    if (before.removeAt !== null) return;
    const removeAt = tx.now + grace;
    await updateCredential(tx.db, realm, id, { remove_at: removeAt, updated_at: tx.now });
    await end(tx, realm, id);
    await tx.record({ realm, type: 'credential.deleted', object: `credential:${id}`, after: { removeAt } });
    await tellOwner(context, tx, realm, before, 'credential-deleted', { until: removeAt });
  });
}

/** @throws {Problem} `credential.unknown`, also once it is removed */
export async function restoreCredential(context: Context, realm: string, id: string, caller: Caller): Promise<void> {
  const { identity } = await requireCredential(context, realm, id);
  await write(context, caller, async (tx) => {
    const before = await lockCredential(tx, realm, identity.id, id);
    if (before.removeAt === null) return;
    await updateCredential(tx.db, realm, id, { remove_at: null, updated_at: tx.now });
    const isLive = before.disabledAt === null && before.identity.disabledAt === null;
    if (isLive) await reinstateSubject(tx, realm, credentialSubjectId(id));
    await tx.record({ realm, type: 'credential.restored', object: `credential:${id}` });
  });
}

/** With all its credentials. Repeating it changes nothing. @throws {Problem} `identity.unknown` */
export async function deleteIdentity(context: Context, realm: string, id: string, caller: Caller): Promise<void> {
  const grace = await graceOf(context, realm);
  await write(context, caller, async (tx) => {
    const before = await touchIdentity(tx.db, realm, id);
    if (before === undefined) throw new Problem('identity.unknown');
    if (before.remove_at !== null) return;
    const removeAt = tx.now + grace;
    await updateIdentity(tx.db, realm, id, { remove_at: removeAt, updated_at: tx.now });
    const credentials = await enabledCredentialIds(tx.db, realm, id);
    for (const credential of credentials) await end(tx, realm, credential);
    const after = { removeAt, credentials: credentials.length };
    await tx.record({ realm, type: 'identity.deleted', object: `identity:${id}`, after });
  });
}

/** With its credentials, except those that are disabled or deleted themselves. @throws {Problem} `identity.unknown` */
export async function restoreIdentity(context: Context, realm: string, id: string, caller: Caller): Promise<void> {
  await write(context, caller, async (tx) => {
    const before = await touchIdentity(tx.db, realm, id);
    if (before === undefined) throw new Problem('identity.unknown');
    if (before.remove_at === null) return;
    await updateIdentity(tx.db, realm, id, { remove_at: null, updated_at: tx.now });
    const credentials = before.disabled_at === null ? await enabledCredentialIds(tx.db, realm, id) : [];
    for (const credential of credentials) await reinstateSubject(tx, realm, credentialSubjectId(credential));
    const after = { credentials: credentials.length };
    await tx.record({ realm, type: 'identity.restored', object: `identity:${id}`, after });
  });
}

async function end(tx: Writing, realm: string, id: string): Promise<void> {
  await shutOut(tx, realm, id);
  await forgetDevices(tx, realm, id);
}

async function graceOf(context: Context, realm: string): Promise<number> {
  return (await requireRealm(context, realm)).settings.deletionGraceDays * day;
}
