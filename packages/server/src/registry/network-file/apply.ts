import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { isDuplicate } from '../../store/fault.ts';
import { type Writing, write } from '../../store/write.ts';
import {
  effectiveSettings,
  lockRealm,
  type ProfileName,
  type SettingsOverrides,
  saveRealm,
} from '../../subject/realm.ts';
import { ensureSigningKeys } from '../../subject/tokens/signing-key.ts';
import { type Leavers, noLeavers, readLeavers } from '../mapping/leaver.ts';
import { removeMappings } from '../mapping/remove.ts';
import { deleteAbsent } from './absent.ts';
import { applyEntries } from './apply-entries.ts';
import { applyParticipants } from './apply-participants.ts';
import { type Applying, differences, toReport } from './applying.ts';
import { findRealmRow, lockNetwork } from './network.store.ts';
import { requireSecretHalves } from './new-keys.ts';
import { type PreparedRealm, prepareNetwork } from './prepare.ts';
import { invalid } from './refusal.ts';
import type { ApplyReport } from './report.ts';

/** Profile of a new realm for which the file names none. */
const defaultProfile: ProfileName = 'strict';

/**
 * Changes the store to match the network file, in one transaction: all of it or nothing.
 *
 * Applying a file again changes nothing. Entries that the file does not name stay, and so do members that an entry
 * leaves out. SUSPENDED and OFFBOARDED are not lifted. A new client without a secret in the file gets one, which the
 * report shows only once. `only` limits the file to one realm, for an administrator of that realm. `also` runs in the
 * same transaction.
 *
 * @throws {Problem} `network.invalid` with the JSON pointer of the fault, `write.conflict` if another change hit the
 * same entries
 */
export async function applyNetwork(
  context: Context,
  file: unknown,
  caller: Caller,
  only?: string,
  also: (tx: Writing, report: ApplyReport) => Promise<void> = async () => {},
): Promise<ApplyReport> {
  const realms = await checkNetwork(context, file, only);
  const applying = write(context, caller, async (tx) => {
    const report = await applyRealms(context, tx, realms, caller);
    await also(tx, report);
    return report;
  });
  const report = await applying.catch((thrown: unknown) => {
    // A caller outside of network files registered the same id between our check and our write.
    throw isDuplicate(thrown) ? new Problem('write.conflict', { cause: thrown }) : thrown;
  });
  // Existing realms too: a crash may have come between the transaction of a new realm and its keys.
  for (const { name } of report.realms) await ensureSigningKeys(context, name);
  return report;
}

/** The checks before the transaction. `applyRealms` relies on all of them. */
export async function checkNetwork(context: Context, file: unknown, only?: string): Promise<readonly PreparedRealm[]> {
  const realms = prepareNetwork(context, file);
  const foreign = realms.find(({ entry }) => only !== undefined && entry.name !== only);
  if (foreign !== undefined) throw invalid(`${foreign.at}/name`, `only the realm ${only} can be changed here`);
  await requireSecretHalves(context, realms);
  return realms;
}

/** The part inside the transaction, for callers who do more in it. */
export async function applyRealms(
  context: Context,
  tx: Writing,
  realms: readonly PreparedRealm[],
  caller: Caller,
): Promise<ApplyReport> {
  await lockNetwork(tx.db, tx.now);
  const done: Applying[] = [];
  for (const prepared of realms) {
    const applying = await applyRealm(context, tx, prepared, caller);
    const leaving = await applyParticipants(applying, prepared.participants);
    await applyEntries(applying, prepared.entry);
    await deleteAbsent(applying, prepared.entry);
    // Last, so that nothing of this file names them again.
    for (const id of leaving) await removeMappings(tx, applying.realm, id);
    done.push(applying);
  }
  return { realms: done.map(toReport), secrets: done.flatMap(({ secrets }) => secrets) };
}

/** The settings without a default audience that has left. */
function reachable(settings: SettingsOverrides, { isMeant }: Leavers): SettingsOverrides {
  const { defaultAudience, ...others } = settings;
  return typeof defaultAudience === 'string' && isMeant(defaultAudience) ? others : settings;
}

async function applyRealm(
  context: Context,
  tx: Writing,
  { entry, at }: PreparedRealm,
  caller: Caller,
): Promise<Applying> {
  const { name } = entry;
  if ((await findRealmRow(tx.db, name)) !== undefined) await lockRealm(tx, name);
  const row = await findRealmRow(tx.db, name);
  const before = row && {
    profile: row.profile as ProfileName,
    settings: JSON.parse(row.settings) as SettingsOverrides,
  };
  const profile = entry.profile ?? before?.profile ?? defaultProfile;
  const leavers = before === undefined ? noLeavers : await readLeavers(tx, name);
  const skipped: string[] = [];
  const settings = entry.settings === undefined ? (before?.settings ?? {}) : reachable(entry.settings, leavers);
  if (settings !== (entry.settings ?? settings)) skipped.push(`${at}/settings/defaultAudience`);
  const outcome = await saveRealm(tx, name, profile, settings);
  const object = `realm:${name}`;
  const change = before === undefined ? { after: { profile, settings } } : differences(before, { profile, settings });
  if (outcome !== 'unchanged') await tx.record({ realm: name, type: `realm.${outcome}`, object, ...change });
  return {
    context,
    tx,
    caller,
    realm: name,
    at,
    development: effectiveSettings(context.config, name, profile, settings).development,
    leavers,
    created: outcome === 'created' ? [object] : [],
    changed: outcome === 'changed' ? [object] : [],
    deleted: [],
    skipped,
    unchanged: { count: outcome === 'unchanged' ? 1 : 0 },
    secrets: [],
  };
}
