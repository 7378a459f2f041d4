import type { Kysely, Selectable, Updateable } from 'kysely';
import type { Schema } from './schema.ts';

/** The tables whose rows are named by realm and id, and counted by a version. */
type Versioned = 'application' | 'client' | 'participant';

/**
 * Compare-and-set on the version that was read. Returns the row as it is now, ready for the next change, or undefined if
 * another change came first.
 */
export async function updateVersioned<Table extends Versioned>(
  db: Kysely<Schema>,
  table: Table,
  row: Selectable<Schema[Table]>,
  change: Partial<Selectable<Schema[Table]>>,
): Promise<Selectable<Schema[Table]> | undefined> {
  const { realm, id, version } = row as Selectable<Schema[Versioned]>;
  const changed = { ...change, version: version + 1 } as Updateable<Schema[Versioned]>;
  const updated = await db
    .updateTable(table as Versioned)
    .set(changed)
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('version', '=', version)
    .returning('id')
    .executeTakeFirst();
  return updated && { ...row, ...changed };
}
