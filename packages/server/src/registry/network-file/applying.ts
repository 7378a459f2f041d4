import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import type { Writing } from '../../store/write.ts';
import type { Leavers } from '../mapping/leaver.ts';
import type { MadeSecret, RealmReport } from './report.ts';

/** One realm of a file while it is applied: the transaction, and a record of what was done. */
export interface Applying {
  readonly context: Context;
  readonly tx: Writing;
  readonly caller: Caller;
  readonly realm: string;
  /** JSON pointer of the realm in the file. */
  readonly at: string;
  /** The realm allows http base URLs. */
  readonly development: boolean;
  /** The participants that have left before this file. It cannot map anything to them again. */
  readonly leavers: Leavers;
  readonly created: string[];
  readonly changed: string[];
  readonly deleted: string[];
  /** Pointers of what was passed over: it names a participant that has left, or is an entry that was removed. */
  readonly skipped: string[];
  readonly unchanged: { count: number };
  readonly secrets: MadeSecret[];
}

/** Notes a new entry. `past` is the participle of its event. */
export async function noteCreated(applying: Applying, object: string, after: unknown, past = 'created'): Promise<void> {
  applying.created.push(object);
  await record(applying, object, past, { after });
}

export async function noteChanged(
  applying: Applying,
  object: string,
  before: unknown,
  after: unknown,
  past = 'changed',
): Promise<void> {
  applying.changed.push(object);
  await record(applying, object, past, { before, after });
}

export async function noteDeleted(applying: Applying, object: string, before: unknown): Promise<void> {
  applying.deleted.push(object);
  await record(applying, object, 'deleted', { before });
}

export function toReport({ realm, created, changed, deleted, skipped, unchanged }: Applying): RealmReport {
  return {
    name: realm,
    created,
    changed,
    ...(deleted.length === 0 ? {} : { deleted }),
    unchanged: unchanged.count,
    ...(skipped.length === 0 ? {} : { skipped }),
  };
}

/** The members in which two views of an entry differ. */
export function differences<T extends object>(
  before: T,
  after: T,
): { readonly before: Partial<T>; readonly after: Partial<T> } | undefined {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof T)[];
  const differing = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  if (differing.length === 0) return undefined;
  const pick = (view: T) => Object.fromEntries(differing.map((name) => [name, view[name]])) as Partial<T>;
  return { before: pick(before), after: pick(after) };
}

async function record(
  { tx, realm }: Applying,
  object: string,
  past: string,
  change: { readonly before?: unknown; readonly after?: unknown },
): Promise<void> {
  const noun = object.slice(0, object.indexOf(':'));
  await tx.record({ realm, type: `${noun}.${past}`, object, ...change });
}
