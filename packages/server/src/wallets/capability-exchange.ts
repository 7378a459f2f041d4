/**
 * From a session or an access token to a capability, for work with a wallet without one of its devices.
 *
 * Only the devices of a wallet decide which subjects control it: a device delegates to the DID that stands for the
 * subject (`subjectDid`), with the same signed and registered delegation as to any other DID, and chooses its actions
 * and its end. This delegation is listed and revoked like any other. The realm passes on from it, and can give nothing
 * that no device has given.
 *
 * 1. The session is valid, or the client and its own access token are.
 * 2. One wallet is named, and the actions.
 * 3. The capability goes to the did:key of the DPoP proof in the request: to the holder of that key, not to the reader
 *    of the answer.
 * 4. A live delegation to the subject allows the actions. An unknown wallet and a missing delegation give the same
 *    answer.
 * 5. The new capability ends within five minutes, and no later than the delegation, the session or the token. It is
 *    registered like any other, with its ancestors: it ends early with the session, the token or the generation of the
 *    subject.
 */
import {
  type Action,
  type Ancestor,
  accessTokenTypes,
  delegateCapability,
  didKeyOf,
  type JsonObject,
  liveWhile,
  multikeyFromJwk,
  ProofError,
  parseInstant,
  walletPrefix,
  walletScope,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { CapabilityTable } from '../store/schema.ts';
import type { Realm } from '../subject/realm.ts';
import { type SubjectDid, subjectDid } from '../subject/secrets/custody.ts';
import { authenticateSession, requireStanding, sessionEnd } from '../subject/session.ts';
import { ancestorsOfSession } from '../subject/tokens/ancestor.ts';
import { inspectToken, requireAlive } from '../subject/tokens/bearer.ts';
import { requireDpopKey } from '../subject/tokens/dpop.ts';
import {
  accessTokenUrn,
  type ClientExchange,
  type ExchangedToken,
  type ExchangeRequest,
  type ExchangingClient,
  orUnacceptable,
  type ProvingExchange,
  unacceptable,
} from '../subject/tokens/exchange.ts';
import { sessionTokenUrn } from '../subject/tokens/session-exchange.ts';
import { ancestorsOfChain, linksOf } from './authorization.ts';
import { countLive, listDelegationsTo } from './capability.store.ts';
import { grantAccess } from './capability.ts';
import { requireActions } from './exchange.ts';
import { walletIdOf } from './target.ts';

const capabilityUrn = 'urn:countersign:params:oauth:token-type:capability';

export const sessionToCapability: ProvingExchange = {
  subjectTokenType: sessionTokenUrn,
  issuedTokenType: capabilityUrn,
  proof: 'subject_token',
  exchange: exchangeSession,
};

export const clientToCapability: ClientExchange = {
  subjectTokenType: accessTokenUrn,
  issuedTokenType: capabilityUrn,
  proof: 'client',
  exchange: exchangeAccessToken,
};

/** The subject that asks, and until when (milliseconds) it may use the capability. */
interface Asker {
  readonly id: string;
  readonly until: number;
  /** The ancestors of the capability. */
  readonly ancestors: readonly Ancestor[];
}

async function exchangeSession(context: Context, realm: Realm, request: ExchangeRequest): Promise<ExchangedToken> {
  const session = await orUnacceptable(authenticateSession(context, request.subjectToken));
  if (session.realm !== realm.name) throw unacceptable('a session of another realm');
  if (session.restriction !== undefined) throw unacceptable('a restricted session');
  await orUnacceptable(requireStanding(context.store.db, session));
  const until = sessionEnd(context, realm, session);
  return capabilityFor(context, realm, request, {
    id: session.subject.id,
    until,
    ancestors: ancestorsOfSession(session),
  });
}

/**
 * Requires the client's own token, for the issuer, presented by the client itself. A token that acts for another
 * subject is refused.
 */
async function exchangeAccessToken(
  context: Context,
  realm: Realm,
  request: ExchangeRequest,
  client: ExchangingClient,
): Promise<ExchangedToken> {
  const { subject } = await orUnacceptable(inspectToken(context, realm, request.subjectToken, accessTokenTypes));
  const isOwn = subject.id === client.subject.id && subject.actors.length === 0;
  if (!isOwn || !subject.audience.includes(realm.issuer)) throw unacceptable('not its own token, for the issuer');
  await orUnacceptable(requireAlive(context, realm.name, subject));
  const until = subject.expiresAt * 1000;
  return capabilityFor(context, realm, request, { id: subject.id, until, ancestors: liveWhile(subject) });
}

async function capabilityFor(
  context: Context,
  realm: Realm,
  { targets, scope, dpop, requestId, source }: ExchangeRequest,
  asker: Asker,
): Promise<ExchangedToken> {
  const target = requireWallet(targets);
  if (scope === undefined) throw new Problem('oauth.invalid_scope');
  const actions = requireActions(scope);
  const controller = await controllerOf(context, realm, dpop);
  const own = subjectDid(context, realm.name, asker.id);
  const wanted = { controller, actions, until: asker.until };
  const { link, document } = await passedOnFromAny(context, realm, target, wanted, own);
  const chain = [link.id as string];
  const access = {
    target,
    device: own.did,
    actions,
    chain,
    ancestors: [],
    chainEnds: Date.parse(link.expires as string),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const caller = { actor: asker.id, requestId, source };
  const terms = { madeFrom: asker.ancestors, roomBelow: maxPassedOn };
  await orUnacceptable(grantAccess(context, realm, access, bytes, caller, terms));
  const expiresIn = Math.floor((Date.parse(document.expires as string) - context.clock.now()) / 1000);
  return { token: bytes.toString('base64url'), expiresIn, tokenType: 'N_A', scope: actions.map(walletScope).join(' ') };
}

/** Step 2. */
function requireWallet([target, another]: readonly string[]): string {
  const isOne = another === undefined && target?.startsWith(walletPrefix) && walletIdOf(target) !== undefined;
  if (target === undefined || !isOne) throw new Problem('oauth.invalid_target');
  return target;
}

/** Step 3. */
async function controllerOf(context: Context, realm: Realm, dpop: string | null): Promise<string> {
  const uris = [`${realm.issuer}/protocol/openid-connect/token`];
  const { key } = await requireDpopKey(context, realm, dpop, { uris });
  if (key.kty !== 'OKP') throw new Problem('dpop.invalid', { detail: 'A capability goes to an Ed25519 key.' });
  return didKeyOf(multikeyFromJwk(key)).did;
}

interface Wanted {
  readonly controller: string;
  readonly actions: readonly Action[];
  readonly until: number;
}

interface PassedOn {
  readonly link: JsonObject;
  readonly document: JsonObject;
}

/**
 * Steps 4 and 5. Of the delegations that allow the actions, are alive and have room below them, takes the one that ends
 * last.
 */
async function passedOnFromAny(
  context: Context,
  realm: Realm,
  target: string,
  wanted: Wanted,
  own: SubjectDid,
): Promise<PassedOn> {
  let refusal = new Problem('oauth.invalid_target');
  for (const row of await listDelegationsTo(context.store.db, realm.name, target, own.did, context.clock.now())) {
    const allowed = JSON.parse(row.actions) as readonly string[];
    if (!wanted.actions.every((action) => allowed.includes(action))) continue;
    const link = JSON.parse(row.document) as JsonObject;
    if ((await ancestorsOfChain(context, realm.name, target, linksOf(link))) instanceof Error) continue;
    const document = (await hasRoom(context, row))
      ? await passedOn(context, link, wanted, own)
      : new Problem('wallet.full');
    if (!(document instanceof Problem)) return { link, document };
    refusal = document;
  }
  throw refusal;
}

/** Live capabilities from one delegation, so that one admitted subject cannot fill the wallet. */
const maxPassedOn = 32;

async function hasRoom({ store, clock }: Context, { realm, target, id }: CapabilityTable): Promise<boolean> {
  return (await countLive(store.db, { realm, target, parent: id }, clock.now(), maxPassedOn)) < maxPassedOn;
}

/** Milliseconds. */
const longest = 300_000;

/**
 * Times are whole seconds. No clock may make the capability older than its parent. Returns the reason if this parent
 * cannot be passed on.
 */
async function passedOn(
  context: Context,
  link: JsonObject,
  { controller, actions, until }: Wanted,
  { signer }: SubjectDid,
): Promise<JsonObject | Problem> {
  const now = Math.floor(context.clock.now() / 1000) * 1000;
  const made = parseInstant((link.proof as JsonObject).created) ?? now;
  const ends = Math.min(now + longest, until, parseInstant(link.expires) ?? 0);
  const delegation = {
    parent: link,
    id: `urn:uuid:${context.random.uuid()}`,
    controller,
    allowedAction: actions,
    expires: Math.floor(ends / 1000) * 1000,
    created: Math.max(now, made),
  };
  try {
    return await delegateCapability(delegation, signer);
  } catch (fault) {
    if (fault instanceof ProofError) return unacceptable(fault.code);
    throw fault;
  }
}
