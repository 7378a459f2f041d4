import type { Context } from '../context.ts';
import { processMemory } from '../kernel/process-memory.ts';
import { createRate, type Rate } from '../kernel/rate.ts';

/** The memory of one process about mails. */
export interface MailMemory {
  /** Mails to each recipient within the hour, checked by `allowMail`. */
  readonly rate: Rate;
  /** Tells the delivery that a mail may be due, so that it looks now. */
  wake(): void;
  /** Sets the function that `wake` calls. */
  onWake(act: () => void): void;
}

/** Mails per hour to one recipient about one thing: enough for typing errors, too few to fill a mailbox. */
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
