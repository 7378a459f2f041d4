import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { tellOwner } from '../../mail/notice.ts';
import { type Owner, verifiedAddressOf, verifiedEmailAfter } from '../../mail/owner.ts';
import { isDuplicate } from '../../store/fault.ts';
import { type Writing, write } from '../../store/write.ts';
import { revokeOneTimeCodes, type UsedCode } from '../../subject/secrets/one-time-code.ts';
import { credentialSubjectId, renewSubject } from '../../subject/subject.ts';
import { findCredential, updateCredential } from './credential.store.ts';
import { lockCredential, requireCredential, requireVerifiable } from './credential.ts';

export interface CredentialChange {
  /** Folded, as `credentialCode` makes it. */
  readonly code?: string | undefined;
  readonly email?: string | null | undefined;
  /** The administrator says that the address is right, or that it is not. */
  readonly emailVerified?: boolean | undefined;
}

/**
 * Changes code or address. Everything sent to the old address becomes invalid. A new code also ends the sessions,
 * because they carry the old one.
 *
 * @throws {Problem} `credential.unknown`, `credential.code_taken`
 */
export async function changeCredential(
  context: Context,
  realm: string,
  id: string,
  wanted: CredentialChange,
  caller: Caller,
): Promise<void> {
  const { identity } = await requireCredential(context, realm, id);
  const change = write(context, caller, async (tx) => {
    const before = await lockCredential(tx, realm, identity.id, id);
    if (before.removeAt !== null) throw new Problem('credential.deleted');
    const { code, email, verifiedEmail } = before;
    const next = { code: wanted.code ?? code, email: wanted.email === undefined ? email : wanted.email };
    requireVerifiable(next, wanted.emailVerified);
    const after = { ...next, verifiedEmail: verifiedEmailAfter(before, next, wanted.emailVerified) };
    const told = { newCode: after.code !== code, newAddress: after.email !== email };
    if (!told.newCode && !told.newAddress && after.verifiedEmail === verifiedEmail) return;
    const devices = told.newCode ? { devices_after: tx.now } : {};
    const columns = { ...next, ...devices, verified_email: after.verifiedEmail };
    await updateCredential(tx.db, realm, id, { ...columns, updated_at: tx.now });
    await tx.record({ realm, type: 'credential.changed', object: `credential:${id}`, ...changeOf(before, after) });
    if (!told.newCode && !told.newAddress) return;
    await revokeOneTimeCodes(tx, realm, id);
    if (told.newCode) await renewSubject(tx, realm, credentialSubjectId(id));
    await tellOwner(context, tx, realm, { id, ...after }, 'credential-changed', told, before);
  });
  await change.catch((cause: unknown) => {
    throw isDuplicate(cause) ? new Problem('credential.code_taken', { cause, pointer: '/code' }) : cause;
  });
}

/** What an event says of a changed credential. Events stay when it is removed: none holds its code or address. */
function changeOf(before: Omit<Owner, 'id'>, after: Omit<Owner, 'id'>) {
  const isVerified = (one: Omit<Owner, 'id'>) => verifiedAddressOf(one) !== undefined;
  const changed = (['code', 'email'] as const).filter((name) => before[name] !== after[name]);
  return { before: { emailVerified: isVerified(before) }, after: { changed, emailVerified: isVerified(after) } };
}

/** The holder has used a code that was mailed to this address. A code dies when the address changes. */
export async function proveAddress(
  tx: Writing,
  realm: string,
  id: string,
  { proves }: UsedCode,
  by: string,
): Promise<void> {
  const row = await findCredential(tx.db, realm, id);
  if (proves === null || row === undefined || row.verified_email === proves) return;
  await updateCredential(tx.db, realm, id, { verified_email: proves, updated_at: tx.now });
  await tx.record({ realm, type: 'credential.email_verified', object: `credential:${id}`, after: { by } });
}
