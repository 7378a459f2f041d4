import { createHash, createPrivateKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { type PublicJwk, parsePublicJwk, thumbprintInput } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { type Caller, system } from '../../kernel/caller.ts';
import { isoDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { SigningKeyTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import { lockRealm, longestToken, type Realm, requireRealm, type SigningAlg } from '../realm.ts';
import { signingKeyBinding } from '../secrets/vault.ts';
import { deleteSigningKey, insertSigningKey, listSigningKeys, updateSigningKey } from './signing-key.store.ts';

/**
 * The keys of a realm. Each purpose has a current key, which signs; a next key, published early so that verifiers know
 * it before it signs; and previous keys, published until the last token they signed has died. Receipts do not die, so
 * their keys stay published; `unpublishedAt` of a receipt key is the time when it was compromised.
 */
export interface SigningKey {
  readonly kid: string;
  readonly purpose: Purpose;
  readonly alg: SigningAlg;
  readonly publicJwk: PublicJwk;
  readonly privateKey: KeyObject;
  readonly createdAt: number;
  readonly activeAt: number | null;
  readonly unpublishedAt: number | null;
}

/**
 * `token` signs access tokens and everything else that verifiers check. The status feed and receipts have their own
 * keys.
 */
export type Purpose = SigningKeyTable['purpose'];
const purposes: readonly Purpose[] = ['token', 'status', 'receipt'];

/** Seconds that a verifier may cache the JWKS. A next key is published at least this long before it signs. */
export const jwksMaxAge = 300;

const generate = promisify(generateKeyPair) as (
  type: string,
  options: object,
) => Promise<{ privateKey: KeyObject; publicKey: KeyObject }>;

const generators: Record<SigningAlg, readonly [type: string, options: object]> = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  Ed25519: ['ed25519', {}],
};

/** All keys of the realm that are or will be published, from the cache. */
export function signingKeys(context: Context, realm: string): Promise<readonly SigningKey[]> {
  return context.cache.get('keys', realm, async () =>
    (await listSigningKeys(context.store.db, realm)).map((row) => fromRow(context, row)),
  );
}

/**
 * The key that signs now: the newest of those whose time has come. If no time has come, because the clock was ahead
 * when the keys were made, the first one.
 */
export function currentKey(keys: readonly SigningKey[], purpose: Purpose, now: number): SigningKey {
  let current: SigningKey | undefined;
  let first: SigningKey | undefined;
  for (const key of keys) {
    if (key.purpose !== purpose || key.activeAt === null) continue;
    if (key.unpublishedAt !== null && key.unpublishedAt <= now) continue;
    if (first === undefined || key.activeAt < (first.activeAt as number)) first = key;
    if (key.activeAt > now) continue;
    if (current === undefined || key.activeAt > (current.activeAt as number)) current = key;
  }
  current ??= first;
  if (current === undefined) throw new Problem('store.unavailable', { reason: `no ${purpose} key` });
  return current;
}

/**
 * The JWKS of the realm, with public parts only. Receipt keys have a set of their own, because they must not verify
 * tokens.
 */
export function publishedKeys(keys: readonly SigningKey[], now: number): readonly PublicJwk[] {
  return keys
    .filter((key) => key.purpose !== 'receipt' && (key.unpublishedAt === null || key.unpublishedAt > now))
    .map((key) => key.publicJwk);
}

/** The JWKS of receipts, with all keys ever used. `revoked` is that of OpenID Federation 1.0 §8.7, in NumericDate. */
export function publishedReceiptKeys(
  keys: readonly SigningKey[],
): readonly (PublicJwk & { readonly revoked?: { readonly revoked_at: number } })[] {
  return keys
    .filter((key) => key.purpose === 'receipt')
    .map(({ publicJwk, unpublishedAt }) =>
      unpublishedAt === null ? publicJwk : { ...publicJwk, revoked: { revoked_at: seconds(unpublishedAt) } },
    );
}

/** Makes the missing keys: a current and a next one for each purpose. Safe on several nodes at once. */
export async function ensureSigningKeys(context: Context, realm: string): Promise<void> {
  const { settings } = await requireRealm(context, realm);
  const rows = await listSigningKeys(context.store.db, realm);
  const missing = purposes.flatMap((purpose) => {
    const own = rows.filter((row) => row.purpose === purpose);
    const wanted = [own.every((row) => row.active_at === null), own.every((row) => row.active_at !== null)];
    return wanted.filter(Boolean).map(() => purpose);
  });
  if (missing.length === 0) return;
  const made = await makeKeys(context, realm, missing, settings.accessTokenAlg);
  await write(context, system, async (tx) => {
    await lockRealm(tx, realm);
    await placeSigningKeys(tx, realm, made);
  });
}

/** All keys of a new realm. Made before the transaction, because an RSA key takes a quarter of a second. */
export function makeSigningKeys(context: Context, realm: string, alg: SigningAlg): Promise<readonly SigningKeyTable[]> {
  return makeKeys(context, realm, [...purposes, ...purposes], alg);
}

function makeKeys(context: Context, realm: string, wanted: readonly Purpose[], alg: SigningAlg) {
  return Promise.all(wanted.map((purpose) => makeKey(context, realm, purpose, algFor(purpose, alg))));
}

/** Inserts those of these keys that are missing. */
export async function placeSigningKeys(tx: Writing, realm: string, keys: readonly SigningKeyTable[]): Promise<void> {
  for (const key of keys) await placeMissing(tx, realm, key);
  tx.changed('keys', realm);
}

async function placeMissing(tx: Writing, realm: string, key: SigningKeyTable): Promise<void> {
  const own = (await listSigningKeys(tx.db, realm)).filter((row) => row.purpose === key.purpose);
  if (own.every((row) => row.active_at === null)) await insertSigningKey(tx.db, { ...key, active_at: tx.now });
  else if (own.every((row) => row.active_at !== null)) await insertSigningKey(tx.db, key);
}

/**
 * The next key takes over, a new next key is published, and the old key stays in the JWKS until its last token has
 * died. The takeover is immediate if the next key has been published for `jwksMaxAge`, else as soon as it has been.
 * `immediately` is for a compromised key: the old keys are destroyed now, and their tokens die when verifiers next
 * fetch the JWKS. For receipts, only the current key is given up and stays published as compromised; receipts of older
 * keys stay valid.
 */
export async function rotateSigningKeys(
  context: Context,
  realmName: string,
  purpose: Purpose,
  immediately: boolean,
  caller: Caller,
): Promise<{ readonly kid: string; readonly activeAt: number }> {
  const realm = await requireRealm(context, realmName);
  const alg = algFor(purpose, realm.settings.accessTokenAlg);
  const successor = await makeKey(context, realm.name, purpose, alg);
  const spare = await makeKey(context, realm.name, purpose, alg);
  return write(context, caller, async (tx) => {
    await lockRealm(tx, realm.name);
    const own = (await listSigningKeys(tx.db, realm.name)).filter((row) => row.purpose === purpose);
    if (!immediately && own.some((row) => isComing(row, tx.now))) {
      throw new Problem('registry.transition', {
        detail: 'A rotation is under way: the next key begins to sign in a few minutes.',
      });
    }
    const next = await takeNext(tx, own, alg, successor);
    const publishedAt = Math.min(next.created_at, tx.now);
    const activeAt = immediately ? tx.now : Math.max(tx.now, publishedAt + jwksMaxAge * 1000);
    await updateSigningKey(tx.db, realm.name, next.kid, { active_at: activeAt });
    // Not the realm's present setting: tokens from before it was lowered live on.
    const lastDeath = activeAt + longestToken * 1000 + 60_000;
    for (const row of own) {
      if (row.kid === next.kid || row.active_at === null) continue;
      // A time from a clock that was ahead must not come after that of the successor.
      if (row.active_at >= activeAt) await updateSigningKey(tx.db, realm.name, row.kid, { active_at: activeAt - 1 });
      if (purpose === 'receipt') await endReceiptKey(tx, row, own, immediately);
      else if (immediately) await deleteSigningKey(tx.db, realm.name, row.kid);
      else if (row.unpublished_at === null)
        await updateSigningKey(tx.db, realm.name, row.kid, { unpublished_at: lastDeath });
    }
    await insertSigningKey(tx.db, spare);
    const after = { purpose, kid: next.kid, activeAt: isoDate(activeAt), immediately };
    await tx.record({ realm: realm.name, type: 'signing_key.rotated', object: `realm:${realm.name}`, after });
    tx.changed('keys', realm.name);
    return { kid: next.kid, activeAt };
  });
}

/**
 * True if the key begins soon. A time further away than a rotation takes comes from a clock that was ahead, and must
 * not block.
 */
function isComing({ active_at }: SigningKeyTable, now: number): boolean {
  return active_at !== null && active_at > now && active_at <= now + jwksMaxAge * 1000;
}

/**
 * A key that may have signed is never deleted. A key whose time has not come will never sign if another takes over at
 * once.
 */
async function endReceiptKey(
  tx: Writing,
  row: SigningKeyTable,
  own: readonly SigningKeyTable[],
  immediately: boolean,
): Promise<void> {
  if (!immediately || row.unpublished_at !== null) return;
  const activeAt = row.active_at as number;
  if (activeAt > tx.now) return deleteSigningKey(tx.db, row.realm, row.kid);
  const isOlder = own.some(
    (other) => other.active_at !== null && other.active_at <= tx.now && other.active_at > activeAt,
  );
  if (!isOlder) await updateSigningKey(tx.db, row.realm, row.kid, { unpublished_at: tx.now });
}

/** The published next key. If the realm has changed its algorithm since, a new key, which must be published first. */
async function takeNext(
  tx: Writing,
  own: readonly SigningKeyTable[],
  alg: SigningAlg,
  successor: SigningKeyTable,
): Promise<SigningKeyTable> {
  const next = own.find((row) => row.active_at === null);
  if (next?.alg === alg) return next;
  if (next !== undefined) await deleteSigningKey(tx.db, next.realm, next.kid);
  await insertSigningKey(tx.db, successor);
  return successor;
}

/** Destroys keys whose last token has died. Receipts do not die. */
export async function removeDeadKeys(context: Context, realm: string): Promise<void> {
  const now = context.clock.now();
  const dead = (await listSigningKeys(context.store.db, realm)).filter(
    (row) => row.purpose !== 'receipt' && row.unpublished_at !== null && row.unpublished_at < now,
  );
  if (dead.length === 0) return;
  await write(context, system, async (tx) => {
    for (const row of dead) await deleteSigningKey(tx.db, realm, row.kid);
    tx.changed('keys', realm);
  });
}

/** The feed is small and often read, and receipts are many, so their keys are always ES256. */
function algFor(purpose: Purpose, tokenAlg: Realm['settings']['accessTokenAlg']): SigningAlg {
  return purpose === 'token' ? tokenAlg : 'ES256';
}

/** A new key pair as JWKs; `kid` is the thumbprint of RFC 7638. */
export async function generateJwks(
  alg: SigningAlg,
): Promise<{ readonly publicJwk: JsonWebKey & { kid: string }; readonly privateJwk: JsonWebKey }> {
  const pair = await generate(...generators[alg]);
  const bare = pair.publicKey.export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(thumbprintInput(ownJwk({ ...bare, alg })))
    .digest('base64url');
  const members = { kid, alg, use: 'sig' };
  return {
    publicJwk: { ...bare, ...members },
    privateJwk: { ...pair.privateKey.export({ format: 'jwk' }), ...members },
  };
}

async function makeKey(context: Context, realm: string, purpose: Purpose, alg: SigningAlg): Promise<SigningKeyTable> {
  const { publicJwk, privateJwk } = await generateJwks(alg);
  const { kid } = publicJwk;
  return {
    realm,
    kid,
    purpose,
    alg,
    public_jwk: JSON.stringify(publicJwk),
    sealed_jwk: context.vault.seal(JSON.stringify(privateJwk), signingKeyBinding(realm, kid)),
    created_at: context.clock.now(),
    active_at: null,
    unpublished_at: null,
  };
}

/** Parses our own public key with the same checks as a stranger's. */
function ownJwk(value: unknown): PublicJwk {
  const parsed = parsePublicJwk(value);
  if (!parsed.ok) throw new Problem('internal', { reason: `one of our own keys is damaged: ${parsed.reason}` });
  return parsed.key;
}

function fromRow(context: Context, row: SigningKeyTable): SigningKey {
  const privateJwk = JSON.parse(
    context.vault.open(row.sealed_jwk, signingKeyBinding(row.realm, row.kid)),
  ) as JsonWebKey;
  return {
    kid: row.kid,
    purpose: row.purpose,
    alg: row.alg as SigningAlg,
    publicJwk: ownJwk(JSON.parse(row.public_jwk)),
    privateKey: createPrivateKey({ key: privateJwk, format: 'jwk' }),
    createdAt: row.created_at,
    activeAt: row.active_at,
    unpublishedAt: row.unpublished_at,
  };
}
