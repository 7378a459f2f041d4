import { ClientError } from './error.ts';
import type { StatusStatement } from './status-statement.ts';

/** What is known to be revoked. */
export interface StatusState {
  /** The number to ask for what comes after; 0 for everything. */
  readonly seq: () => number;
  /** The newest statement's `iat`, in seconds since the epoch; undefined before the first. */
  readonly statedAt: () => number | undefined;
  /** Highest dead generation of a subject. */
  readonly subject: (id: string) => number | undefined;
  readonly has: (kind: 'token' | 'key' | 'session' | 'capability', id: string) => boolean;
  /**
   * Takes a statement in.
   *
   * @returns `new` where it revokes a subject or a key that was not known to be revoked, `same` where not, `gap` where everything has to be asked for anew
   * @throws {ClientError} `status.rolled_back`
   */
  take(statement: StatusStatement, now: number): 'new' | 'same' | 'gap';
}

/**
 * 1. Within an incarnation no number and no time goes back: an older statement, however well signed, is refused. Another
 *    incarnation may count anew, but its time does not go back either.
 * 2. A statement about what came after a number that we have not reached leaves a gap, and so does a new incarnation that does not
 *    begin at 0.
 * 3. A statement from 0 on replaces everything; any other one adds.
 * 4. What has expired is forgotten.
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

/** What the registry says otherwise since. */
const changesEntries = new Set(['subject', 'key']);

/** No kind has a space. */
function keyOf(kind: string, id: string): string {
  return `${kind} ${id}`;
}
