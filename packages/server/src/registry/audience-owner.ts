import { audienceName, organisationOwner } from '../kernel/audience-name.ts';
import { realmKey } from '../kernel/id.ts';
import type { Writing } from '../store/write.ts';
import { claimNames, deleteName, findOwner, listBaseUrls } from './audience-owner.store.ts';

/** A name that shall mean its owner in `aud`. */
export interface NameClaim {
  /** As written by the owner. */
  readonly name: string;
  readonly owner: string;
}

/**
 * Takes names for their owners. A name belongs to one organisation (or to one client without a participant), because a
 * second owner could ask about tokens that are meant for the first. Returns the first claim whose name another owner
 * has. The primary key decides between two claims at once.
 */
export async function claimAudienceNames<C extends NameClaim>(
  tx: Writing,
  realm: string,
  claims: readonly C[],
): Promise<C | undefined> {
  const rows = claims.map(({ name, owner }) => ({ realm, name: audienceName(name), owner }));
  // Sorted, so that two transactions that take the same names cannot deadlock.
  const sorted = rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  // The sort is stable, so the first of two claims in one list takes the name.
  const owners = new Map((await claimNames(tx.db, realm, sorted)).map((row) => [row.name, row.owner]));
  return claims.find(({ name, owner }) => owners.get(audienceName(name)) !== owner);
}

/** True if the name belongs to another owner. */
export async function isNameTaken(tx: Writing, realm: string, { name, owner }: NameClaim): Promise<boolean> {
  const holder = await findOwner(tx.db, realm, audienceName(name));
  return holder !== undefined && holder !== owner;
}

/** Frees a base URL that a participant has left, unless another participant of the organisation still has it. */
export async function releaseBaseUrl(
  tx: Writing,
  realm: string,
  organisationId: string,
  baseUrl: string,
): Promise<void> {
  const name = audienceName(baseUrl);
  const kept = await listBaseUrls(tx.db, realm, organisationId);
  if (kept.some((one) => audienceName(one) === name)) return;
  await releaseName(tx, realm, { name, owner: organisationOwner(organisationId) });
}

export async function releaseName(tx: Writing, realm: string, { name, owner }: NameClaim): Promise<void> {
  await deleteName(tx.db, { realm, name: audienceName(name), owner });
  tx.changed('audience_owner', realmKey(realm, audienceName(name)));
}
