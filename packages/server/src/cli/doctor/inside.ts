import { oldestWaitingMail } from '../../mail/outbox.ts';
import { isLoopback } from '../../settings.ts';
import { lastBackup } from '../../store/backed-up.ts';
import { verifyChain, waitingEvents } from '../../subject/event.ts';
import { realmNames, requireRealm } from '../../subject/realm.ts';
import { signingKeys } from '../../subject/tokens/signing-key.ts';
import { day, duration, error, type Found, warning } from './finding.ts';
import type { Check, Inside } from './look.ts';

const eachRealm =
  (look: (inside: Inside, realm: string) => Promise<Found>): Check<Inside> =>
  async (inside) => {
    const found: Found[] = [];
    for (const realm of await realmNames(inside.context)) found.push(await look(inside, realm));
    return found.flat();
  };

const development = eachRealm(async ({ context }, realm) => {
  const { settings } = await requireRealm(context, realm);
  if (!settings.development || isLoopback(context.config.publicUrl)) return undefined;
  return warning(
    'settings.development',
    `Realm ${realm} is for development, and strangers can reach it: it takes base URLs without TLS.`,
    `settings of realm ${realm} in the network file: "development": false`,
  );
});

const oldestKey = 366 * day;

const keys = eachRealm(async ({ context, clock }, realm) => {
  const now = clock.now();
  const signing = (await signingKeys(context, realm)).filter(
    (key) => key.purpose === 'token' && key.activeAt !== null && (key.unpublishedAt ?? now + 1) > now,
  );
  const newest = Math.max(...signing.map((key) => key.activeAt as number));
  if (signing.length === 0) {
    return error('keys.missing', `Realm ${realm} has no key that signs tokens.`, 'restart the server: it makes one');
  }
  if (now - newest <= oldestKey) return undefined;
  return warning(
    'keys.old',
    `The key that signs tokens of realm ${realm} is ${duration(now - newest)} old.`,
    `countersign keys rotate --realm ${realm}`,
  );
});

const chain: Check<Inside> = async ({ context }) => {
  const verdict = await verifyChain(context);
  if (verdict.intact) return undefined;
  const text = `The chain of events is broken at number ${verdict.seq}: ${verdict.reason}.`;
  return error(
    'events.chain',
    text,
    'countersign events verify, and compare with a backup: someone changed the database',
  );
};

/** Milliseconds. The sealer chains every second. */
const sealedWithin = 120_000;

const unsealed: Check<Inside> = async ({ context, clock }) => {
  const { oldest } = await waitingEvents(context);
  if (oldest === undefined || clock.now() - oldest <= sealedWithin) return undefined;
  return error(
    'events.unsealed',
    `Events wait for their place in the chain since ${duration(clock.now() - oldest)}: no server seals them.`,
    'start the server, and look for "a job failed" in its log',
  );
};

/** Milliseconds. */
const mailsWaitFor = 30 * 60_000;

const mails: Check<Inside> = async ({ context, clock }) => {
  const oldest = await oldestWaitingMail(context);
  if (oldest === undefined || clock.now() - oldest.since <= mailsWaitFor) return undefined;
  return error(
    'mail.waiting',
    `A mail waits since ${duration(clock.now() - oldest.since)}; the last try failed with ${oldest.reason}.`,
    'COUNTERSIGN_SMTP_URL of the server that runs; look for "mail" in its log',
  );
};

const backupsEvery = 7 * day;

/** A new server needs no backup yet. */
const backups: Check<Inside> = async ({ context, clock }) => {
  const last = await lastBackup(context.store.db);
  const { first } = await waitingEvents(context);
  const since = last ?? first;
  if (since === undefined || clock.now() - since <= backupsEvery) return undefined;
  const ago = duration(clock.now() - since);
  return last === undefined
    ? warning('backups.none', `This database is ${ago} old and was never backed up by countersign.`, command)
    : warning('backups.old', `The last backup was made ${ago} ago.`, command);
};
const command = 'countersign backup --file <file> --passphrase-file <file>, every day by cron or a timer';

export const insideChecks: readonly Check<Inside>[] = [development, keys, chain, unsealed, mails, backups];
