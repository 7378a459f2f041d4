import type { Caller, Context } from '../context.ts';
import type { MailTable } from '../store/schema.ts';
import { write } from '../store/write.ts';
import { recordEvent } from '../subject/event.ts';
import { changeMail, claimMail, listDueMails } from './mail.store.ts';
import { mailMemory } from './memory.ts';
import { composeMessage, dropped, type Outcome, type Transport } from './message.ts';
import { openLetter } from './outbox.ts';

/**
 * Delivers what is due, on every node.
 *
 * 1. Claim: count up `attempts` and put off `next_at`, if nobody else has since. The one who did may try, for as long as the claim.
 * 2. Try, at most `atOnce` mails at a time, each for at most `patience`: a server that hangs holds up nobody else for long.
 * 3. Settle: delivered, failed for good, or due again later. A node that dies here leaves the claim to run out, and the mail is tried again.
 */
export interface Deliverer {
  /** Claims what is due and begins to deliver it; does not wait for that. */
  round(): Promise<void>;
  /** Gives what is under way a moment, then lets go of it, so that another node can have it at once. */
  stop(): Promise<void>;
}

const atOnce = 8;
/** Milliseconds. */
const patience = 20_000;
const claimTime = 60_000;
const lastMoment = 1_000;
/** Milliseconds after the first, second, … failure; the last one stays. Grey lists want some minutes. */
const longestPause = 1_800_000;
const pauses = [...[5, 10, 30, 60, 120, 300, 600, 900].map((seconds) => seconds * 1_000), longestPause];

const postman: Caller = { actor: 'system', requestId: 'mail' };

export function createDeliverer(context: Context, transport: Transport): Deliverer {
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();

  const begin = (mail: MailTable) => {
    const done = deliver(context, transport, mail, stopping.signal)
      .catch((error: unknown) => {
        // The claim runs out, and the mail is tried again: it may then arrive twice.
        const reason = error instanceof Error ? error.message : 'unknown';
        context.log.warn({ mail: mail.id, reason }, 'what became of a mail could not be noted');
      })
      .finally(() => {
        running.delete(done);
        // There is a free place.
        mailMemory(context).wake();
      });
    running.add(done);
  };

  return {
    async round() {
      while (!stopping.signal.aborted && running.size < atOnce) {
        const { db } = context.store;
        const now = context.clock.now();
        const places = atOnce - running.size;
        // A mail that says to wait longer was put off by a clock that was ahead.
        const due = await listDueMails(db, { now, latest: now + longestPause }, places);
        for (const mail of due) {
          if (stopping.signal.aborted) return;
          if (await claimMail(db, mail, now + claimTime)) begin({ ...mail, attempts: mail.attempts + 1 });
        }
        if (due.length < places) return;
      }
    },
    async stop() {
      const timer = setTimeout(() => stopping.abort(), lastMoment);
      while (running.size > 0) await Promise.all(running);
      clearTimeout(timer);
      stopping.abort();
    },
  };
}

async function deliver(context: Context, transport: Transport, mail: MailTable, stopping: AbortSignal): Promise<void> {
  const outcome = await attempt(context, transport, mail, stopping);
  const now = context.clock.now();
  if (outcome.sent) return settle(context, mail, 'delivered', null);
  if (outcome.permanent) return settle(context, mail, 'failed', outcome.reason);
  if (stopping.aborted) {
    await changeMail(context.store.db, mail, { next_at: now });
    return;
  }
  const next = now + (pauses[mail.attempts - 1] ?? longestPause);
  if (next >= mail.give_up_at) return settle(context, mail, 'failed', outcome.reason);
  await changeMail(context.store.db, mail, { next_at: next, reason: outcome.reason });
  const { reason, detail } = outcome;
  context.log.warn({ ...named(mail), reason, detail }, 'a mail could not be delivered and will be tried again');
}

async function attempt(
  context: Context,
  transport: Transport,
  mail: MailTable,
  stopping: AbortSignal,
): Promise<Outcome> {
  if (context.clock.now() >= mail.give_up_at)
    return { sent: false, permanent: true, reason: mail.reason ?? 'too late' };
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(patience)]);
  try {
    const letter = openLetter(context.vault, mail.realm, mail.id, mail.sealed ?? '');
    return await transport(await composeMessage(context.config.mailFrom, mail, letter), signal);
  } catch (error) {
    // Ours, and the next mail must not wait for its repair.
    context.log.error({ ...named(mail), err: error }, 'a mail cannot be read');
    return { sent: false, permanent: true, reason: 'unreadable' };
  }
}

/** The end of it: recipient and text go, what became of it stays. */
async function settle(
  context: Context,
  mail: MailTable,
  state: 'delivered' | 'failed',
  reason: string | null,
): Promise<void> {
  const { realm, id, purpose, reference, attempts } = mail;
  await write(context, async (tx) => {
    const change = { state, reason, sealed: null, next_at: null, settled_at: tx.now };
    if (!(await changeMail(tx.db, mail, change))) return;
    const after = { purpose, reference, attempts, ...(reason === null ? {} : { reason }) };
    const type = reason === dropped.reason ? 'mail.dropped' : `mail.${state}`;
    await recordEvent(context, tx, { realm, type, object: `mail:${id}`, after }, postman);
  });
  if (state === 'delivered') context.log.info(named(mail), 'a mail was delivered');
  else if (reason === dropped.reason) context.log.info(named(mail), 'a mail without a recipient was dropped');
  else context.log.error({ ...named(mail), reason }, 'a mail was given up');
}

/** What may be said of a mail: no address, no word of it. */
function named({ realm, id, purpose, attempts }: MailTable) {
  return { realm, mail: id, purpose, attempts };
}
