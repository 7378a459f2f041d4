import type { Kysely } from 'kysely';
import type { Context } from '../../context.ts';
import { latestPast } from '../../kernel/clock.ts';
import type { CapabilityTable, Schema, WalletRecoveryTable } from '../../store/schema.ts';
import type { Writing } from '../../store/write.ts';
import { readSubjectState } from '../../subject/subject.ts';
import { incarnatedAt, incarnation } from '../../subject/tokens/status.ts';
import { walletSubjectId } from '../../subject/tokens/wallet-token.ts';
import { didOf } from '../holder.ts';
import { walletTarget } from '../target.ts';
import { findAddress } from './address.store.ts';
import { listUses } from './recovery.store.ts';

/**
 * What stands against a recovery.
 *
 * A device of a wallet is a holder that may let others in: the action `grant`, by a delegation that a device or the owner
 * signed. Other holders are guests. They do not keep the owner from recovering the wallet, and cannot approve it.
 */
const protectedDays = 30;
const day = 86_400_000;
/** A day more, because a use is written once a day. */
const usedLately = (protectedDays + 1) * day;
export const changedLately = protectedDays * day;

/** True if a holder with these actions and ancestors is a device of the wallet, not a guest. */
export function isDevice(actions: readonly string[], ancestors: readonly unknown[]): boolean {
  return actions.includes('grant') && ancestors.length === 0;
}

/**
 * The devices that were used within the 30 days before the recovery began, or since. So a thief gains nothing by a start
 * shortly before they are over. A database that was restored or moved does not know of uses after the copy was taken:
 * there every device counts as used when it got its name.
 */
async function devicesUsedLately(
  { db, now }: Reading,
  { realm, wallet_id, started_at }: WalletRecoveryTable,
  { since }: Here,
): Promise<readonly string[]> {
  const rows = await listUses(db, realm, walletTarget(wallet_id), now);
  const used = rows.filter(
    (row) =>
      isDevice(JSON.parse(row.actions) as string[], ancestorsIn(row)) &&
      Math.max(row.used_at ?? 0, row.created_at, since) > started_at - usedLately,
  );
  return [...new Set(used.map(({ controller }) => didOf(controller)))];
}

function ancestorsIn({ ancestors }: Pick<CapabilityTable, 'ancestors'>): readonly unknown[] {
  return ancestors === null ? [] : (JSON.parse(ancestors) as readonly unknown[]);
}

/** A database, or a transaction in it. */
interface Reading {
  readonly db: Kysely<Schema>;
  readonly now: number;
}

/** This database: its name, and since when it has it. */
export interface Here {
  readonly incarnation: string;
  /** Milliseconds. */
  readonly since: number;
}

export async function here(context: Context): Promise<Here> {
  return { incarnation: await incarnation(context), since: await incarnatedAt(context) };
}

export type Obstacle = 'device' | 'address' | 'suspended' | 'off' | 'restored' | 'clock';

/** Why the recovery may not end now. Undefined if nothing stands against it. */
export async function obstacleTo(tx: Writing, row: WalletRecoveryTable, at: Here): Promise<Obstacle | undefined> {
  const { realm, wallet_id: walletId } = row;
  const isVoid = voidReason(row, at, tx.now);
  if (isVoid !== undefined) return isVoid;
  if (!(await isLive(tx, realm, walletId))) return 'suspended';
  if ((await recoveringAddress(tx, realm, walletId)) !== row.email) return 'address';
  return (await needsApproval(tx, row, at)) ? 'device' : undefined;
}

/** True if a device that was used lately has not approved it. */
export async function needsApproval(tx: Reading, row: WalletRecoveryTable, at: Here): Promise<boolean> {
  const approved = JSON.parse(row.approvals) as readonly string[];
  return (await devicesUsedLately(tx, row, at)).some((did) => !approved.includes(did));
}

/** Begun before the database was restored or moved, or by a clock that was ahead: it ends without an effect. */
export function voidReason(row: WalletRecoveryTable, at: Here, now: number): 'restored' | 'clock' | undefined {
  if (row.incarnation !== at.incarnation) return 'restored';
  return Math.max(row.started_at, row.stage_at) > latestPast(now) ? 'clock' : undefined;
}

export async function isLive(tx: Writing, realm: string, walletId: string): Promise<boolean> {
  return (await readSubjectState(tx, realm, walletSubjectId(walletId)))?.live === true;
}

/** The address of the wallet, if it has had it for 30 days. */
export async function recoveringAddress(
  { db, now }: Reading,
  realm: string,
  walletId: string,
): Promise<string | undefined> {
  const address = await findAddress(db, realm, walletId);
  return address !== undefined && address.confirmed_at <= now - changedLately ? address.email : undefined;
}
