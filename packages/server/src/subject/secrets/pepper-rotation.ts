import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { write } from '../../store/write.ts';
import { systemRealm } from '../realm.ts';
import { listPeppers, type Pepper, sealPepper } from './pepper.ts';
import { insertSealed } from './vault.store.ts';

/** Makes another pepper for all new hashes. A hash under an older pepper stays valid until its next login. */
export async function rotatePepper(context: Context, caller: Caller): Promise<Pepper> {
  const key = context.random.bytes(32);
  return write(context, caller, async (tx) => {
    const newest = (await listPeppers(tx.db, context.vault)).at(-1);
    const pepper = { number: (newest?.number ?? 0) + 1, key, activeAt: tx.now };
    if (!(await insertSealed(tx.db, sealPepper(context.vault, pepper)))) throw new Problem('write.conflict');
    const after = { activeAt: isoDate(tx.now) };
    const event = { realm: systemRealm, type: 'pepper.rotated', object: `pepper:${pepper.number}`, after };
    await tx.record(event);
    tx.changed('pepper', '');
    return pepper;
  });
}
