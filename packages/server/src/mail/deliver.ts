import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { client, traced } from '../kernel/trace.ts';
import type { MailTable } from '../store/schema.ts';
import { write } from '../store/write.ts';
import { changeMail, claimMail, listDueMails } from './mail.store.ts';
import { mailMemory } from './memory.ts';
import { composeMessage, dropped, type Outcome, type Transport } from './message.ts';
import { openLetter } from './outbox.ts';

/**
 * Delivers due mails, on every node.
 *
 * 1. Claim: increment `attempts` and move `next_at`, unless another node was faster. The winner may try for as long as
 *    the claim lasts.
 * 2. Try, at most `atOnce` mails at a time, each for at most `patience`, so that a server that hangs does not delay
 *    others for long.
 * 3. Settle: delivered, failed for good, or due again later. If a node dies here, its claim expires and the mail is
 *    tried again.
 */
export interface Deliverer {
  /** Claims due mails and begins to deliver them, without waiting for the end. */
  round(): Promise<void>;
  /** Gives running deliveries a moment, then drops them, so that another node can take them at once. */
  stop(): Promise<void>;
}

const atOnce = 8;
/** Milliseconds. */
const patience = 20_000;
const claimTime = 60_000;
const lastMoment = 1_000;
/** Milliseconds after the first, second, … failure. The last value repeats. Grey lists need some minutes. */
const longestPause = 1_800_000;
const pauses = [...[5, 10, 30, 60, 120, 300, 600, 900].map((seconds) => seconds * 1_000), longestPause];

const postman: Caller = { actor: 'system', requestId: 'mail' };

export function createDeliverer(context: Context, transport: Transport): Deliverer {
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();

  const begin = (mail: MailTable) => {
    const done = traced('countersign.mail', () => deliver(context, transport, mail, stopping.signal), {
      kind: client,
      attributes: () => ({ 'countersign.purpose': mail.purpose, 'countersign.attempt': mail.attempts }),
    })
      .catch((error: unknown) => {
        // The claim expires and the mail is tried again, so it may arrive twice.
        const reason = error instanceof Error ? error.message : 'unknown';
        context.log.warn({ mail: mail.id, reason }, 'the result of a mail could not be stored');
      })
      .finally(() => {
        running.delete(done);
        // A place is free.
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
        // A longer wait was set by a clock that was ahead.
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
    // A fault of this server: the next mail must not wait for its repair.
    context.log.error({ ...named(mail), err: error }, 'a mail cannot be read');
    return { sent: false, permanent: true, reason: 'unreadable' };
  }
}

/** Settles a mail: recipient and text are deleted, and the result stays. */
async function settle(
  context: Context,
  mail: MailTable,
  state: 'delivered' | 'failed',
  reason: string | null,
): Promise<void> {
  const { realm, id, purpose, reference, attempts } = mail;
  await write(context, postman, async (tx) => {
    const change = { state, reason, sealed: null, next_at: null, settled_at: tx.now };
    if (!(await changeMail(tx.db, mail, change))) return;
    const after = { purpose, reference, attempts, ...(reason === null ? {} : { reason }) };
    const type = reason === dropped.reason ? 'mail.dropped' : `mail.${state}`;
    await tx.record({ realm, type, object: `mail:${id}`, after });
  });
  if (state === 'delivered') context.log.info(named(mail), 'a mail was delivered');
  else if (reason === dropped.reason) context.log.info(named(mail), 'a mail without a recipient was dropped');
  else context.log.error({ ...named(mail), reason }, 'a mail was given up');
}

/** The loggable part of a mail: neither its address nor its text. */
function named({ realm, id, purpose, attempts }: MailTable) {
  return { realm, mail: id, purpose, attempts };
}
