import type { Context } from '../context.ts';
import { createDeliverer } from '../mail/deliver.ts';
import { mailMemory } from '../mail/memory.ts';
import { forgetOldMails } from '../mail/outbox.ts';
import { transportOf } from '../mail/transport.ts';
import { nameOldPasskeys } from '../passwords/factor/passkey-factor.ts';
import { forgetOldLoginFailures, keepLoginCounts } from '../passwords/guess/throttle.ts';
import { removeDeleted } from '../passwords/identity/removal.ts';
import { forgetOldRefusals, keepRefusals } from '../registry/refusals/refusal.ts';
import { followChanges, pruneChanges } from '../store/change-log.ts';
import { holdRenewal } from '../store/hold.ts';
import { sealedAtOnce, sealNewEvents } from '../subject/event.ts';
import { recordFailedAttempts } from '../subject/failed-attempt.ts';
import { realmNames } from '../subject/realm.ts';
import { forgetOldOneTimeCodes } from '../subject/secrets/one-time-code.ts';
import { forgetOldSessions } from '../subject/session.ts';
import { shareRates } from '../subject/throttle/shared-rate.ts';
import { forgetOldUses } from '../subject/tokens/replay.ts';
import { forgetOldRevocations } from '../subject/tokens/revocation.ts';
import { removeDeadKeys } from '../subject/tokens/signing-key.ts';
import { incarnation } from '../subject/tokens/status.ts';
import { advanceRecoveries, forgetOldRecoveries } from '../wallets/recovery/advance.ts';
import { keepLastUses } from '../wallets/recovery/last-use.ts';
import { forgetOldCapabilities } from '../wallets/revoke.ts';
import { every } from './every.ts';

/**
 * The background jobs of a node. Every node runs all of them; leases and compare-and-set keep nodes from doing the same
 * work twice.
 */
export async function startJobs(context: Context): Promise<() => Promise<void>> {
  const { log } = context;
  const { hold } = context.store;
  const { holder } = hold;
  const follow = await followChanges(context);
  // Named at the first start, because recoveries of wallets must know when a copy began to live.
  await incarnation(context);
  const deliverer = createDeliverer(context, transportOf(context.config));
  const stops = [
    every(holdRenewal, 'hold the store', log, () => keepHold(context)),
    every(500, 'follow changes', log, follow),
    every(500, 'seal events', log, () => sealBacklog(context, holder)),
    // Rarely: a process that queues a mail wakes its own delivery. This is for retries, and for mails of a dead
    // process.
    every(2_000, 'deliver mails', log, deliverer.round, mailMemory(context).onWake),
    every(1_000, 'keep login counts', log, () => keepLoginCounts(context)),
    every(1_000, 'share rates', log, () => shareRates(context)),
    every(1_000, 'keep last uses', log, () => keepLastUses(context)),
    every(30_000, 'advance recoveries', log, () => advanceRecoveries(context)),
    every(1_000, 'keep refusals', log, () => keepRefusals(context)),
    every(60_000, 'record failed attempts', log, () => recordFailedAttempts(context)),
    every(60_000, 'forget', log, () => forget(context)),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
    await deliverer.stop();
    try {
      await keepLoginCounts(context);
      await shareRates(context);
      await keepLastUses(context);
      await recordFailedAttempts(context);
      await keepRefusals(context);
      await sealBacklog(context, holder);
    } catch (error) {
      // A server without its database must still be able to stop.
      log.warn({ reason: error instanceof Error ? error.message : 'unknown' }, 'the last events were not sealed');
    }
  };
}

/** A process that was taken for dead must stop: the store may be sealed under another master key now. */
async function keepHold({ store, log }: Context): Promise<void> {
  if ((await store.hold.renew()) === 'held') return;
  log.fatal('this process did not reach its database for too long and counts as dead: it stops');
  process.kill(process.pid, 'SIGTERM');
}

/** A big network file makes more events than one batch holds. */
async function sealBacklog(context: Context, holder: string): Promise<void> {
  while ((await sealNewEvents(context, holder)) === sealedAtOnce);
}

async function forget(context: Context): Promise<void> {
  await pruneChanges(context.store, context.clock.now());
  await forgetOldUses(context);
  await forgetOldRevocations(context);
  await removeDeleted(context);
  await forgetOldSessions(context);
  await forgetOldOneTimeCodes(context);
  await forgetOldMails(context);
  await forgetOldRefusals(context);
  await forgetOldLoginFailures(context);
  await forgetOldCapabilities(context);
  await forgetOldRecoveries(context);
  await nameOldPasskeys(context);
  for (const realm of await realmNames(context)) await removeDeadKeys(context, realm);
}
