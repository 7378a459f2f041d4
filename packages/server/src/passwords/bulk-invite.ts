import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem, type ProblemCode } from '../kernel/problem.ts';
import { mailAddressOf } from '../mail/owner.ts';
import { isDuplicate } from '../store/fault.ts';
import { write } from '../store/write.ts';
import { addCredential, type Credential, lockCredential, lookUpCredentialByCode } from './identity/credential.ts';
import { requireIdentity } from './identity/identity.ts';
import { newCredentialSchema } from './identity/identity-administration.ts';
import { inviteCredential, isInvited, issueInvitation } from './invite.ts';
import { newestPassword } from './passwords.store.ts';

/**
 * Makes and invites many credentials by mail.
 *
 * 1. One transaction for each row: a row that is refused, or a batch that breaks off, leaves the rows before it done.
 * 2. Repeating a batch is safe: a credential with a password or a living invitation is left as it is and gets no mail.
 * 3. A dry run looks at the same things and writes nothing. Another caller may still be faster than the run after it.
 */
const mostRows = 100;

const text = z.string().max(1_000);

export const bulkInviteSchema = z.strictObject({
  /** True: write nothing, and say what would happen. */
  dryRun: z.boolean().default(false),
  /** Each as for one credential. A row that is not acceptable is refused by itself. */
  rows: z
    .array(
      z.strictObject({
        identityId: text,
        type: text.default('USER'),
        code: text,
        id: text.optional(),
        email: text.nullish(),
        emailVerified: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(mostRows),
});

export const bulkResultSchema = z.object({
  /** `created`: made and invited. `invited`: it was there. `unchanged`: it has a password or a living invitation. */
  outcome: z.enum(['created', 'invited', 'unchanged', 'refused']),
  /** Absent in a dry run for a credential that would be made. */
  credentialId: z.string().optional(),
  /** Why it was refused or left as it is. */
  code: z.string().optional(),
  detail: z.string().optional(),
});

type Row = z.output<typeof newCredentialSchema>;
export type BulkResult = z.output<typeof bulkResultSchema>;

/** One result for each row, in their order. */
export async function inviteMany(
  context: Context,
  realm: string,
  { dryRun, rows }: z.output<typeof bulkInviteSchema>,
  caller: Caller,
): Promise<readonly BulkResult[]> {
  const seen = new Map<string, number>();
  const results: BulkResult[] = [];
  for (const [index, given] of rows.entries()) {
    try {
      const row = read(given);
      const earlier = seen.get(row.code);
      if (earlier !== undefined) throw invalid(`Row ${earlier + 1} of this batch has the same code.`, '/code');
      seen.set(row.code, index);
      results.push(await inviteRow(context, realm, row, dryRun, caller));
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      results.push({ outcome: 'refused', code: thrown.code, detail: thrown.message });
    }
  }
  return results;
}

function read(given: object): Row {
  const row = newCredentialSchema.safeParse(given);
  if (row.success) return row.data;
  const [issue] = row.error.issues;
  const name = issue?.path.join('.') ?? '';
  throw invalid(`${name}: ${issue?.message ?? 'is not acceptable'}`, `/${name}`);
}

function invalid(detail: string, pointer: string): Problem {
  return new Problem('request.invalid', { detail, pointer });
}

async function inviteRow(
  context: Context,
  realm: string,
  row: Row,
  dryRun: boolean,
  caller: Caller,
): Promise<BulkResult> {
  const present = await lookUpCredentialByCode(context, realm, row.code);
  if (present === undefined)
    return dryRun ? checkNew(context, realm, row) : createAndInvite(context, realm, row, caller);
  requireSame(present, row);
  const { id: credentialId } = present;
  const left = await reasonToLeave(context, realm, credentialId);
  if (left !== undefined) return { outcome: 'unchanged', credentialId, ...left };
  if (!present.live) throw new Problem('credential.disabled');
  if (mailAddressOf(present) === undefined) throw new Problem('credential.no_address');
  if (!dryRun) await inviteCredential(context, realm, credentialId, 'mail', caller);
  return { outcome: 'invited', credentialId };
}

async function createAndInvite(context: Context, realm: string, row: Row, caller: Caller): Promise<BulkResult> {
  const id = row.id ?? context.random.uuid();
  try {
    await write(context, caller, async (tx) => {
      await addCredential(tx, realm, { ...row, id });
      await issueInvitation(context, tx, realm, await lockCredential(tx, realm, row.identityId, id), 'mail');
    });
  } catch (thrown) {
    if (!isDuplicate(thrown)) throw thrown;
    throw new Problem('registry.conflict', { detail: 'The code or the id is in use.', cause: thrown });
  }
  return { outcome: 'created', credentialId: id };
}

async function checkNew(context: Context, realm: string, row: Row): Promise<BulkResult> {
  const identity = await requireIdentity(context, realm, row.identityId);
  if (identity.remove_at !== null) throw new Problem('identity.deleted');
  if (identity.disabled_at !== null) throw new Problem('credential.disabled');
  if (mailAddressOf({ email: row.email ?? null, code: row.code }) === undefined) {
    throw new Problem('credential.no_address');
  }
  return { outcome: 'created' };
}

/** A row names a credential only as it is: it changes none. */
function requireSame(present: Credential, { id, identityId, type, email }: Row): void {
  const isSame =
    present.identity.id === identityId &&
    present.type === type &&
    (id ?? present.id) === present.id &&
    (email === undefined || email === present.email);
  if (!isSame) {
    const detail = 'A credential has this code, with another identity, type, id or address.';
    throw new Problem('credential.code_taken', { detail, pointer: '/code' });
  }
}

async function reasonToLeave(
  context: Context,
  realm: string,
  id: string,
): Promise<{ readonly code: ProblemCode | 'credential.invited'; readonly detail: string } | undefined> {
  if ((await newestPassword(context.store.db, realm, id)) !== undefined) {
    return { code: 'password.already_created', detail: 'The credential has a password already.' };
  }
  if (await isInvited(context, realm, id)) {
    return { code: 'credential.invited', detail: 'An invitation to the credential can still be used.' };
  }
  return undefined;
}
