import type { Context } from '../../context.ts';
import { latestPast } from '../../kernel/clock.ts';
import { realmKey } from '../../kernel/id.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import { markUsed } from './recovery.store.ts';

/**
 * The last use of each capability. Tokens write no row, so a use is written at most once a day, with those of the same
 * second in one statement. A killed process loses the uses of its last second.
 */
const day = 86_400_000;
/** Capabilities that a process remembers. Beyond it, the one that was noted first is forgotten and written again. */
const bound = 50_000;
const batch = 500;

interface Use {
  readonly realm: string;
  readonly id: string;
}

const memory = processMemory((_: Context) => ({
  notedAt: new Map<string, number>(),
  waiting: new Map<string, Use>(),
}));

/** `usedAt` as it was read, perhaps a while ago. */
export function noteUse(context: Context, realm: string, id: string, usedAt: number | null): void {
  const { notedAt, waiting } = memory(context);
  const now = context.clock.now();
  const key = realmKey(realm, id);
  const last = Math.max(notedAt.get(key) ?? 0, usedAt ?? 0);
  // A time in the future comes from a clock that was ahead, and is corrected.
  if (now - last < day && last <= latestPast(now)) return;
  notedAt.delete(key);
  notedAt.set(key, now);
  if (notedAt.size > bound) notedAt.delete(notedAt.keys().next().value as string);
  waiting.set(key, { realm, id });
}

export async function keepLastUses(context: Context): Promise<void> {
  const { waiting } = memory(context);
  if (waiting.size === 0) return;
  const uses = [...waiting];
  waiting.clear();
  try {
    for (const [realm, some] of Map.groupBy(uses, ([, use]) => use.realm)) {
      const ids = some.map(([, { id }]) => id);
      for (let i = 0; i < ids.length; i += batch) {
        await markUsed(context.store.db, realm, ids.slice(i, i + batch), context.clock.now());
      }
    }
  } catch (error) {
    for (const [key, use] of uses) waiting.set(key, use);
    throw error;
  }
}
