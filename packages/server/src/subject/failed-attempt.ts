import type { Context } from '../context.ts';
import { write } from '../store/write.ts';
import { recordEvent } from './event.ts';

/** One event for each credential and source that failed since the last call: of clients and others `proof.failed`, else `login.failed`. */
export async function recordFailedAttempts(context: Context): Promise<void> {
  const failures = context.attempts.drain();
  if (failures.length === 0) return;
  const recorded = write(context, async (tx) => {
    for (const { realm, type, object, source, count } of failures) {
      const event = { realm, type, object, after: { source, count } };
      await recordEvent(context, tx, event, { actor: 'anonymous', requestId: '' });
    }
  });
  await recorded.catch((error) => {
    context.attempts.putBack(failures);
    throw error;
  });
}
