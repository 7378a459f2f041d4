import type { Context } from '../context.ts';
import { processMemory } from '../kernel/process-memory.ts';
import type { Rate } from '../kernel/rate.ts';
import { sharedRate } from '../subject/throttle/shared-rate.ts';

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
const hourly = sharedRate('mail', { budget: 5, window: 3_600_000, bound: 10_000 });

export const mailMemory = processMemory((context: Context): MailMemory => {
  let deliver = () => {};
  return {
    rate: hourly(context),
    wake: () => deliver(),
    onWake(act) {
      deliver = act;
    },
  };
});
