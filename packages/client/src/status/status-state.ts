import { ClientError } from '../error.ts';
import type { StatusStatement } from './status-statement.ts';

/** The known revocations. */
export interface StatusState {
  /** Later entries are asked for with this number; 0 asks for everything. */
  readonly seq: () => number;
  /** The newest statement's `iat`, in seconds since the epoch; undefined before the first. */
  readonly statedAt: () => number | undefined;
  /** The highest dead generation of a subject. */
  readonly subject: (id: string) => number | undefined;
  readonly has: (kind: 'token' | 'key' | 'session' | 'capability', id: string) => boolean;
  /**
   * Adds a statement.
   *
   * @returns `new` if it revokes a subject or a key that was not known to be revoked, `same` if not, `gap` if everything must
   *   be asked for again
   * @throws {ClientError} `status.rolled_back`
   */
  take(statement: StatusStatement, now: number): 'new' | 'same' | 'gap';
}

/**
 * 1. Within an incarnation numbers and times never go back: an older statement is refused even if its signature is good.
 *    Another incarnation may begin with new numbers, but its time must not go back either.
 * 2. A statement that begins after a number that was not reached leaves a gap, and so does a new incarnation that does not
 *    begin at 0.
 * 3. A statement from 0 on replaces everything; any other one adds to it.
 * 4. Expired entries are forgotten.
 */
export function createStatusState(): StatusState {
  let held: Pick<StatusStatement, 'incarnation' | 'seq' | 'iat'> | undefined;
  let revoked = new Map<string, { readonly generation: number; readonly exp: number }>();

  function isOlder({ incarnation, seq, iat }: StatusStatement): boolean {
    if (held === undefined) return false;
    return iat < held.iat || (incarnation === held.incarnation && seq < held.seq);
  }

  return {
    seq: () => held?.seq ?? 0,
    statedAt: () => held?.iat,
    subject: (id) => revoked.get(keyOf('subject', id))?.generation,
    has: (kind, id) => revoked.has(keyOf(kind, id)),
    take(statement, now) {
      const { incarnation, seq, after, iat } = statement;
      if (isOlder(statement)) throw new ClientError('status.rolled_back', 'The status feed has gone back.');
      if (after !== 0 && (held === undefined || after > held.seq || incarnation !== held.incarnation)) return 'gap';
      const next: typeof revoked = after === 0 ? new Map() : revoked;
      let isNew = false;
      for (const { kind, id, generation, exp } of statement.revoked) {
        const key = keyOf(kind, id);
        isNew ||= changesEntries.has(kind) && revoked.get(key)?.generation !== generation;
        next.set(key, { generation, exp });
      }
      for (const [key, { exp }] of next) if (exp <= now) next.delete(key);
      revoked = next;
      held = { incarnation, seq, iat };
      return isNew ? 'new' : 'same';
    },
  };
}

/** The kinds of revocations that also change registry entries. */
const changesEntries = new Set(['subject', 'key']);

/** No kind contains a space, so keys are unique. */
function keyOf(kind: string, id: string): string {
  return `${kind} ${id}`;
}
