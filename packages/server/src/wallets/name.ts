/**
 * The name of a wallet is for people: unlike its id it can be said, typed and printed. It opens nothing. Capabilities,
 * invocations and tokens have only the id, because a name can be removed and the id cannot.
 *
 * Only administrators give names. A name is never used again for another wallet, so a device that could take names
 * would take them from everybody for ever.
 */
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { WalletTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { foldCredentialCode } from '../subject/credential-code.ts';
import type { Realm } from '../subject/realm.ts';
import { isUsername } from '../subject/username.ts';
import {
  findName,
  findNameOf,
  findNamesOf,
  findWalletNamed,
  insertName,
  removeName,
  restoreName,
} from './name.store.ts';
import { walletIdOf } from './target.ts';

const namePrefix = 'urn:countersign:wallet-name:';
const longest = 64;
export const nameRule =
  'A name has at most 64 letters and digits, with . _ - between them. It is no wallet id, and mixes no directions (RFC 8265).';

/**
 * The canonical form of a name, bare or as a URN: case and width do not count (RFC 8265), as for the code of a
 * credential. Undefined if no wallet can have this name.
 */
export function nameIn(given: string): string | undefined {
  if (given.length > namePrefix.length + 12 * longest) return undefined;
  const bare = given.startsWith(namePrefix) ? decoded(given.slice(namePrefix.length)) : given;
  if (bare === undefined || !isUsername(bare)) return undefined;
  const name = foldCredentialCode(bare);
  const isGood = name.length <= longest && !/^[._-]|[._-]$|[\x20-\x2c/:-@[-^`{-~]/.test(name);
  return isGood && walletIdOf(name) === undefined ? name : undefined;
}

/** A URN has only ASCII: all else is in percent-encoded UTF-8 (RFC 8141). */
export function urnOfName(name: string): string {
  return namePrefix + encodeURIComponent(name);
}

function decoded(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** The URNs of the names of these wallets, by wallet. */
export async function namesOf(
  { store }: Pick<Context, 'store'>,
  realm: string,
  walletIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await findNamesOf(store.db, realm, walletIds);
  return new Map(rows.map(({ wallet_id, name }) => [wallet_id, urnOfName(name)]));
}

/** @throws {Problem} `request.invalid`, `wallet.name_unknown` */
export async function resolveName({ store }: Context, realm: Realm, given: string): Promise<string> {
  const name = nameIn(given);
  if (name === undefined) throw new Problem('request.invalid', { detail: nameRule, pointer: 'name' });
  const id = await findWalletNamed(store.db, realm.name, name);
  if (id === undefined) throw new Problem('wallet.name_unknown');
  return id;
}

/**
 * Gives a wallet that the transaction has locked this canonical name, in place of the one that it has; null removes it.
 * A name that the wallet had before can come back to it.
 *
 * @throws {Problem} `wallet.name_taken`
 */
export async function replaceName(tx: Writing, { realm, id }: WalletTable, name: string | null): Promise<void> {
  const before = (await findNameOf(tx.db, realm, id)) ?? null;
  if (before === name) return;
  await removeName(tx.db, realm, id, tx.now);
  if (name !== null) await takeName(tx, { realm, name, wallet_id: id });
  const object = `wallet:${id}`;
  await tx.record({ realm, type: 'wallet.named', object, before: { name: before }, after: { name } });
}

async function takeName(
  tx: Writing,
  taken: { readonly realm: string; readonly name: string; readonly wallet_id: string },
): Promise<void> {
  const row = { ...taken, given_at: tx.now, removed_at: null };
  if (await insertName(tx.db, row)) return;
  const known = await findName(tx.db, taken.realm, taken.name);
  if (known?.wallet_id !== taken.wallet_id) throw new Problem('wallet.name_taken');
  await restoreName(tx.db, row);
}
