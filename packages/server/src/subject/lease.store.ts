import type { Transaction } from 'kysely';
import type { Schema } from '../store/schema.ts';

export async function takeLease(db: Transaction<Schema>, row: Schema['lease'], now: number): Promise<boolean> {
  const { name, holder, expires_at } = row;
  const taken = await db
    .insertInto('lease')
    .values({ name, holder, expires_at })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ holder, expires_at })
        .where((e) => e.or([e('lease.holder', '=', holder), e('lease.expires_at', '<', now)])),
    )
    .returning('name')
    .executeTakeFirst();
  return taken !== undefined;
}
