import { cryptoPort } from '@countersign/client/node-crypto';
import {
  type Ancestor,
  isDidPeer4,
  isJsonObject,
  isShortDidPeer4,
  type JsonObject,
  ProofError,
  parseDidPeer4,
  parseDidUrl,
  parseInstant,
  parseJson,
  rootCapabilityId,
  verifyCapabilityChain,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { type Page, pageRequest, toPage } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import type { CapabilityTable } from '../store/schema.ts';
import { type Writing, write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { readSubjectState } from '../subject/subject.ts';
import { walletSubjectId } from '../subject/tokens/wallet-token.ts';
import type { Access } from './access.ts';
import { ancestorsOfChain, linksOf } from './authorization.ts';
import { countLive, findCapability, insertCapability, listCapabilities } from './capability.store.ts';
import { chainTerms, denied } from './invocation.ts';
import { lockTarget, walletOfTarget } from './target.ts';

/** A delegation as the holders of its wallet see it. */
export interface CapabilityView {
  readonly id: string;
  readonly parentId: string;
  readonly controller: string;
  readonly actions: readonly string[];
  /** Milliseconds. */
  readonly expires: number;
  readonly revoked: number | undefined;
  readonly used: number | undefined;
}

export interface GrantTerms {
  /** Further ancestors, such as a session, which also end it. */
  readonly madeFrom?: readonly Ancestor[];
  /** Largest number of live delegations below its parent. */
  readonly roomBelow?: number;
}

/** Largest number of live delegations of one target. */
const maxLive = 1_000;
/** Ids are short random names, so that a caller cannot choose one with a meaning. */
const uuidUrn = /^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Registers a delegation that the granting device has signed. It cannot be used before that.
 *
 * 1. The chain is valid, from our own root to the tail.
 * 2. Its parent is the very capability that the caller shows. So the caller has signed it, and cannot give more than it
 *    has.
 * 3. Every link except the new one is registered and not revoked.
 * 4. It goes to one DID, under an unused id.
 * 5. With the target locked: its parent is still not revoked, and there is room for it.
 */
export async function grantAccess(
  context: Context,
  realm: Realm,
  access: Access,
  zcap: Uint8Array,
  caller: Caller,
  { madeFrom = [], roomBelow = maxLive }: GrantTerms = {},
): Promise<string> {
  const document = await verifiedDelegation(context, realm, access, zcap);
  const row = {
    ...rowOf(realm.name, access.target, document),
    ...(madeFrom.length > 0 && { ancestors: JSON.stringify(madeFrom) }),
  };
  const links = linksOf(document);
  const ancestors = await ancestorsOfChain(context, realm.name, access.target, links.slice(0, -1));
  if (ancestors instanceof Error) throw denied(ancestors);
  await write(context, caller, async (tx) => {
    await lockTarget(tx, realm.name, access.target);
    await requireCapacity(tx, row, roomBelow);
    if (!(await insertCapability(tx.db, { ...row, created_at: tx.now }))) {
      await requireSame(tx, row);
      return;
    }
    await recordGrant(tx, row);
  });
  return row.id;
}

/** Step 5. */
async function requireCapacity(
  tx: Writing,
  row: Omit<CapabilityTable, 'created_at'>,
  roomBelow: number,
): Promise<void> {
  const { realm, target, parent_id: parent } = row;
  if ((await findCapability(tx.db, realm, parent))?.revoked_at !== null)
    throw denied(new Error('its parent was revoked'));
  const walletId = walletOfTarget(target);
  if (walletId !== undefined && !(await readSubjectState(tx, realm, walletSubjectId(walletId)))?.live)
    throw denied(new Error('the wallet is not live'));
  const isFull =
    (await countLive(tx.db, { realm, target }, tx.now, maxLive)) >= maxLive ||
    (await countLive(tx.db, { realm, target, parent }, tx.now, roomBelow)) >= roomBelow;
  if (isFull) throw new Problem('wallet.full');
}

/** A delegation that the server itself registers. */
export async function registerCapability(
  tx: Writing,
  realm: string,
  target: string,
  document: JsonObject,
): Promise<void> {
  const row = { ...rowOf(realm, target, document), created_at: tx.now };
  if (!(await insertCapability(tx.db, row))) throw new Problem('write.conflict');
  await recordGrant(tx, row);
}

async function recordGrant(
  tx: Writing,
  { realm, id, target, parent_id, controller, actions, expires_at }: Omit<CapabilityTable, 'created_at'>,
): Promise<void> {
  const after = { target, parent: parent_id, controller, actions: JSON.parse(actions), expires: expires_at };
  await tx.record({ realm, type: 'capability.granted', object: `capability:${id}`, after });
}

/** Steps 1, 2 and 4. */
async function verifiedDelegation(
  context: Context,
  realm: Realm,
  { target, chain }: Access,
  zcap: Uint8Array,
): Promise<JsonObject> {
  const parsed = parseJson(zcap, { maxBytes: 65_536, maxDepth: 40 });
  if (!parsed.ok || !isJsonObject(parsed.value)) throw refused('zcap is not a JSON object, strictly.');
  const document = parsed.value;
  const { id, controller, parentCapability, allowedAction } = document;
  if (typeof id !== 'string' || !uuidUrn.test(id)) throw refused('Its id must be urn:uuid: with a UUID in lower case.');
  const fault = await holderFault(controller);
  if (fault !== undefined) throw refused(fault);
  if (allowedAction === undefined) throw refused('It must name the actions that it allows.');
  const parent = chain.at(-1);
  if (parent === undefined || parentCapability !== parent) {
    throw refused('Its parent must be the capability that you show with the call.');
  }
  const terms = chainTerms(context, realm);
  try {
    const root = await terms.root(rootCapabilityId(target));
    if (root === undefined) throw denied(new Error('no such target'));
    await verifyCapabilityChain(zcap, { ...terms, root });
  } catch (cause) {
    if (cause instanceof ProofError)
      throw new Problem('capability.refused', { detail: cause.message, cause, pointer: 'zcap' });
    throw cause;
  }
  return document;
}

/**
 * A capability goes to a DID, or to the DID URL of one of its keys. A did:peer:4 acts under its short form, and its keys
 * are found under the long form only, so a capability for another name could never be used.
 */
async function holderFault(controller: unknown): Promise<string | undefined> {
  if (typeof controller !== 'string' || controller.length > 1_000 || !/^did:[a-z0-9]+:[\x21-\x7e]+$/.test(controller)) {
    return 'It must go to one DID, of at most 1,000 characters.';
  }
  const mayAct = !isDidPeer4(controller) || isShortDidPeer4(controller) || (await isKeyOfLongForm(controller));
  return mayAct ? undefined : 'A did:peer:4 can hold it as its short form, or as the long form with one key (#…).';
}

async function isKeyOfLongForm(url: string): Promise<boolean> {
  try {
    await parseDidPeer4(parseDidUrl(url).did, cryptoPort);
    return true;
  } catch (error) {
    if (error instanceof ProofError) return false;
    throw error;
  }
}

/** Registering the same delegation twice is allowed and changes nothing. */
async function requireSame(tx: Writing, row: Omit<CapabilityTable, 'created_at'>): Promise<void> {
  const known = await findCapability(tx.db, row.realm, row.id);
  if (known?.proof_value === row.proof_value && known.target === row.target && known.revoked_at === null) return;
  throw refused('Its id is one that was used before.');
}

function rowOf(realm: string, target: string, document: JsonObject): Omit<CapabilityTable, 'created_at'> {
  const { id, parentCapability, controller, allowedAction, expires, proof } = document;
  return {
    realm,
    id: id as string,
    target,
    parent_id: parentCapability as string,
    controller: controller as string,
    actions: JSON.stringify([allowedAction].flat()),
    expires_at: parseInstant(expires) as number,
    document: JSON.stringify(document),
    proof_value: (proof as JsonObject).proofValue as string,
    revoked_at: null,
    ancestors: null,
    used_at: null,
    revoked_by: null,
  };
}

/** Ordered by id. `after` is the id to continue after. */
export async function pageOfCapabilities(
  context: Context,
  realm: Realm,
  target: string,
  { revoked, size, token }: { readonly revoked: boolean; readonly size: number; readonly token: string },
): Promise<Page<CapabilityView>> {
  if (token !== '' && !uuidUrn.test(token)) {
    throw new Problem('request.invalid', { detail: 'page_token is not one of this server.', pointer: 'page_token' });
  }
  const { limit, after } = pageRequest(size === 0 ? undefined : String(size), token, 'page_size');
  const rows = await listCapabilities(context.store.db, realm.name, target, { revoked, after, limit: limit + 1 });
  return toPage(rows.map(viewOf), limit, ({ id }) => id);
}

function viewOf({
  id,
  parent_id,
  controller,
  actions,
  expires_at,
  revoked_at,
  used_at,
}: CapabilityTable): CapabilityView {
  return {
    id,
    parentId: parent_id,
    controller,
    actions: JSON.parse(actions) as string[],
    expires: expires_at,
    revoked: revoked_at ?? undefined,
    used: used_at ?? undefined,
  };
}

function refused(detail: string): Problem {
  return new Problem('capability.refused', { detail, pointer: 'zcap' });
}
