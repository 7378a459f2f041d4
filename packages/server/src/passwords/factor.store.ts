import type { Kysely } from 'kysely';
import type { FactorTable, Schema } from '../store/schema.ts';

/** The kinds of second factor that a credential has shown to work. */
export async function confirmedKinds(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
): Promise<FactorTable['kind'][]> {
  const rows = await db
    .selectFrom('factor')
    .select('kind')
    .distinct()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('confirmed_at', 'is not', null)
    .orderBy('kind')
    .execute();
  return rows.map(({ kind }) => kind);
}
