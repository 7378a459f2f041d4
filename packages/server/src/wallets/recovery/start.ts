/**
 * The recovery of a wallet whose devices are lost, by its mail address.
 *
 * 1. Start (here): the new device asks with the address, and gets the same answer for every address. If a wallet has it,
 *    a code goes there. So only a reader of the mailbox can begin a recovery.
 * 2. Begin (`begin.ts`): the new device shows that code. The delay begins: every device and every address is told.
 * 3. Wait (`advance.ts`): a reminder at half time. Any valid invocation by a device of the wallet stops it (`watch.ts`).
 *    A device that was used within 30 days must approve it: otherwise it fails at the end of the delay.
 * 4. End (`advance.ts`): the code for the new device is mailed, once.
 * 5. Complete (`complete.ts`): the new device shows it. The owner's key signs a first capability for it, every other
 *    capability ends, and the wallet can only be read for 72 hours.
 *
 * A thief of the mailbox alone gets to 4 only if no device was used for 30 days, and then only after the owner was told
 * three times and used no device.
 */
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { type MailAddress, requireMailAddress } from '../../kernel/mail-address.ts';
import { Problem } from '../../kernel/problem.ts';
import { unknownSource } from '../../kernel/source.ts';
import { allowMail, enqueueMail } from '../../mail/outbox.ts';
import { write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import { issueOneTimeCode } from '../../subject/secrets/one-time-code.ts';
import { lookUpSubjectState } from '../../subject/subject.ts';
import { sharedRate } from '../../subject/throttle/shared-rate.ts';
import { walletSubjectId } from '../../subject/tokens/wallet-token.ts';
import { requireSealer } from '../invocation.ts';
import { useRequest, verifySignedRequest } from '../signed-request.ts';
import { walletIdOf } from '../target.ts';
import { listWalletsAt } from './address.store.ts';

export interface RecoveryRequest {
  readonly signedRequest: Uint8Array;
  /** For a packed call, the DID that sealed it. */
  readonly sealedBy: string | undefined;
}

export const startPurpose = 'wallet-recovery-start';
/** Milliseconds. */
const life = 30 * 60_000;
/** Wallets with one address that get a code at once. */
const mostWallets = 5;
/** Starts per hour that one network may make. */
const perSource = { budget: 20, window: 3_600_000, bound: 50_000 };
const sourceRate = sharedRate('wallet-recovery', perSource);

/** Returns when the recovery can be completed at the earliest, in milliseconds. @throws {Problem} `recovery.off` */
export async function startRecovery(
  context: Context,
  realm: Realm,
  { signedRequest, sealedBy }: RecoveryRequest,
  caller: Caller,
): Promise<number> {
  const delay = requireDelay(realm);
  const request = await verifySignedRequest(context, realm, signedRequest, 'StartRecovery');
  requireSealer(sealedBy, request.controller);
  const email = requireMailAddress(request.email ?? '', 'signed_request/email');
  const walletId = request.walletId === undefined ? undefined : namedWallet(request.walletId);
  sourceRate(context).admit(`${realm.name} ${(caller.source ?? unknownSource).network}`);
  await useRequest(context, realm, request);
  setImmediate(() => {
    sendStartCodes(context, realm, { email, walletId }, caller).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : 'unknown';
      context.log.warn({ requestId: caller.requestId, reason }, 'a mail for a recovery could not be prepared');
    });
  });
  return context.clock.now() + delay;
}

/** Milliseconds. @throws {Problem} `recovery.off` */
export function requireDelay({ settings }: Realm): number {
  if (settings.walletRecoveryHours === null) throw new Problem('recovery.off');
  return settings.walletRecoveryHours * 3_600_000;
}

function namedWallet(text: string): string {
  const id = walletIdOf(text);
  if (id !== undefined) return id;
  const detail = 'walletId must be the id of a wallet.';
  throw new Problem('request.invalid', { detail, pointer: 'signed_request/walletId' });
}

interface Wanted {
  readonly email: MailAddress;
  readonly walletId: string | undefined;
}

/**
 * The work of the start after its answer, the same for every address: without a wallet, a code that opens nothing, a
 * mail that is dropped at the last step, and an event. Otherwise the time of the next request would tell the difference.
 */
async function sendStartCodes(
  context: Context,
  { name: realm }: Realm,
  { email, walletId }: Wanted,
  caller: Caller,
): Promise<void> {
  if (!allowMail(context, realm, startPurpose, `${email} ${walletId ?? ''}`)) return;
  const found = await listWalletsAt(context.store.db, realm, email, mostWallets);
  const wanted = found.filter((id) => walletId === undefined || id === walletId);
  const live: string[] = [];
  for (const id of wanted) {
    if ((await lookUpSubjectState(context, realm, walletSubjectId(id)))?.live) live.push(id);
  }
  const none = { id: context.random.uuid(), to: null };
  const mails = live.length === 0 ? [none] : live.map((id) => ({ id, to: email }));
  await write(context, caller, async (tx) => {
    for (const { id, to } of mails) {
      const owner = to === null ? `nobody ${id}` : startOwner(id, email);
      const { code, until } = await issueOneTimeCode(context, tx, realm, startPurpose, owner, life);
      await enqueueMail(context, tx, {
        realm,
        to,
        purpose: startPurpose,
        values: { walletId: id, code, until },
        until,
      });
      const object = to === null ? 'wallet:unknown' : `wallet:${id}`;
      const after = { source: caller.source?.address };
      await tx.record({ realm, type: 'wallet.recovery_requested', object, after });
    }
  });
}

/** The owner of the code: a wallet, and the address that it went to. Neither contains a blank. */
function startOwner(walletId: string, email: string): string {
  return `${walletId} ${email}`;
}

/** Undefined for the owner of a code that opens nothing. */
export function partsOfOwner(owner: string): { readonly walletId: string; readonly email: string } | undefined {
  const [walletId = '', email = ''] = owner.split(' ');
  return walletIdOf(walletId) === undefined ? undefined : { walletId, email };
}
