import type { Transaction } from 'kysely';
import type { Schema } from '../store/schema.ts';

/** Takes the lease unless another holder's lease ends within `live`. */
export async function takeLease(
  db: Transaction<Schema>,
  row: Schema['lease'],
  live: { readonly from: number; readonly to: number },
): Promise<boolean> {
  const { name, holder, expires_at } = row;
  const taken = await db
    .insertInto('lease')
    .values({ name, holder, expires_at })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ holder, expires_at })

        .where((e) =>
          e.or([
            e('lease.holder', '=', holder),
            e('lease.expires_at', '<', live.from),
            e('lease.expires_at', '>', live.to),
          ]),
        ),
    )
    .returning('name')
    .executeTakeFirst();
  return taken !== undefined;
}
