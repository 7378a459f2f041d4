import type { Context } from '../context.ts';
import { anonymous } from '../kernel/caller.ts';
import { writeRows } from '../store/rows.ts';
import { write } from '../store/write.ts';
import { attempts, type FailedAttempts } from './attempt.ts';

/**
 * Writes one event per credential and source that failed since the last call: `login.failed`, `factor.failed` or
 * `proof.failed`.
 */
export async function recordFailedAttempts(context: Context): Promise<void> {
  const failures = attempts(context).drain();
  if (failures.length === 0) return;
  const unwritten = new Set(failures);
  const record = async (some: readonly FailedAttempts[]) => {
    await recordAll(context, some);
    for (const failure of some) unwritten.delete(failure);
    return some;
  };
  // A row that the database refuses would be refused for ever, so it goes to the log, once.
  const refuse = (failure: FailedAttempts, cause: unknown) => {
    unwritten.delete(failure);
    const { code } = cause as { code?: unknown };
    context.log.error({ type: failure.type, code }, 'failed attempts could not be recorded');
  };
  await writeRows(failures, record, refuse).catch((thrown: unknown) => {
    attempts(context).putBack([...unwritten]);
    throw thrown;
  });
}

function recordAll(context: Context, failures: readonly FailedAttempts[]): Promise<void> {
  return write(context, anonymous, async (tx) => {
    for (const { realm, type, object, source, count } of failures) {
      const event = { realm, type, object, after: { source, count } };
      await tx.record(event);
    }
  });
}
