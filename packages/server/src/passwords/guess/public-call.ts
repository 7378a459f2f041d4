import type { Context } from '../../context.ts';
import type { Source } from '../../kernel/source.ts';
import { sharedRates } from '../../subject/throttle/shared-rate.ts';

/**
 * Limits per network for calls that everyone may make. These calls guard nothing that could be
 * guessed (a code of 256 bits) and no secret (the password rules), so this only keeps strangers from overloading the
 * server.
 */
const limits = {
  validate: { budget: 60, window: 60_000, bound: 10_000 },
  lostPasswordStart: { budget: 20, window: 60_000, bound: 10_000 },
  lostPasswordResume: { budget: 20, window: 60_000, bound: 10_000 },
} as const;

export type PublicCall = keyof typeof limits;

const rates = sharedRates('public call', limits);

/** @throws {Problem} `attempt.throttled` */
export function admitPublicCall(context: Context, kind: PublicCall, { network }: Source): void {
  rates[kind](context).admit(network);
}
