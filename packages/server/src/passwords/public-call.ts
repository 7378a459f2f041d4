import type { Context } from '../context.ts';
import { processMemory } from '../kernel/process-memory.ts';
import { createRates } from '../kernel/rate.ts';
import type { Source } from '../kernel/source.ts';

/**
 * Calls that anybody may make, each so often from one network. Counted in this process: what they guard cannot be guessed (a code of
 * 256 bits) or is no secret (the rules for passwords), so this only keeps strangers from keeping us busy.
 */
const limits = {
  validate: { budget: 60, window: 60_000, bound: 10_000 },
  lostPasswordStart: { budget: 20, window: 60_000, bound: 10_000 },
  lostPasswordResume: { budget: 20, window: 60_000, bound: 10_000 },
} as const;

export type PublicCall = keyof typeof limits;

const rates = processMemory((context: Context) => createRates(context.clock, limits));

/** Throws `attempt.throttled`. */
export function admitPublicCall(context: Context, kind: PublicCall, { network }: Source): void {
  rates(context)[kind].admit(network);
}
