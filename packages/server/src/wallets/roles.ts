import { Problem } from '../kernel/problem.ts';
import type { WalletTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { renewSubject } from '../subject/subject.ts';
import { walletSubjectId } from '../subject/tokens/wallet-token.ts';
import { updateRoles } from './wallet.store.ts';

/**
 * The roles of a wallet are for services: they stand in its tokens, and open nothing here. The first one is its type,
 * and always stays. The inviter names the others, and administrators change them.
 */
export const roleShape = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
export const maxRoles = 16;
export const rolesRule = `roles are at most ${maxRoles} names of letters, digits and . _ : -`;

/** @throws {Problem} `request.invalid` */
export function rolesOf(type: WalletTable['type'], roles: readonly string[]): readonly string[] {
  if (roles.length > maxRoles || !roles.every((role) => roleShape.test(role))) {
    throw new Problem('request.invalid', { detail: rolesRule, pointer: 'roles' });
  }
  return [...new Set([type, ...roles])];
}

export function rolesIn({ roles }: Pick<WalletTable, 'roles'>): readonly string[] {
  return JSON.parse(roles) as readonly string[];
}

/**
 * Replaces the roles of a wallet that the transaction has locked. Tokens with the earlier ones die, so that the change
 * counts everywhere at once, also for a role that was added. Capabilities stay: they name no role.
 */
export async function replaceRoles(tx: Writing, wallet: WalletTable, wanted: readonly string[]): Promise<void> {
  const { realm, id } = wallet;
  const [before, after] = [rolesIn(wallet), rolesOf(wallet.type, wanted)];
  if (before.length === after.length && after.every((role) => before.includes(role))) return;
  await updateRoles(tx.db, realm, id, JSON.stringify(after));
  await renewSubject(tx, realm, walletSubjectId(id));
  const object = `wallet:${id}`;
  await tx.record({ realm, type: 'wallet.roles_changed', object, before: { roles: before }, after: { roles: after } });
}
