import { type Kysely, sql } from 'kysely';
import { addressKey, mailAddress } from '../../kernel/mail-address.ts';
import type { Schema } from '../schema.ts';

/** The address that a credential's holder has proved to read, and the address that a one-time code proves. */
export const name = '0014-verified-addresses';

export const statements: readonly string[] = [
  `alter table credential add column verified_email text`,
  `alter table one_time_code add column proves text`,
  `create index credential_by_verified_email on credential (realm, verified_email) where verified_email is not null`,
];

/** Administrators gave the addresses from before, and they were used: they go on counting. */
export async function fill(db: Kysely<Schema>): Promise<void> {
  await sql`update credential set verified_email = lower(coalesce(email, code))
    where coalesce(email, code) like '%@%'`.execute(db);
  // Codes with an international domain: no database can encode it.
  const { rows } = await sql<{ realm: string; id: string; code: string }>`select realm, id, code from credential
    where email is null and code like '%@%' and octet_length(code) <> length(code)`.execute(db);
  for (const { realm, id, code } of rows) {
    const address = mailAddress(code);
    const verified_email = address === undefined ? null : addressKey(address);
    await db
      .updateTable('credential')
      .set({ verified_email })
      .where('realm', '=', realm)
      .where('id', '=', id)
      .execute();
  }
}
