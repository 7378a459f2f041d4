import type { Context } from '../context.ts';
import { processMemory } from '../kernel/process-memory.ts';
import { createRate, type Rate } from '../kernel/rate.ts';

/** What one process keeps in memory about mails. */
export interface MailMemory {
  /** Mails to each recipient within the hour: `allowMail` asks it. */
  readonly rate: Rate;
  /** A mail may be due: delivery looks now, not at its next turn. */
  wake(): void;
  /** What `wake` calls. */
  onWake(act: () => void): void;
}

/** Mails to one recipient about one thing in an hour: enough for somebody who mistypes, too few to fill a mailbox. */
const hourly = { budget: 5, window: 3_600_000, bound: 10_000 };

export const mailMemory = processMemory((context: Context): MailMemory => {
  let deliver = () => {};
  return {
    rate: createRate(context.clock, hourly),
    wake: () => deliver(),
    onWake(act) {
      deliver = act;
    },
  };
});
