/**
 * The request for a new wallet or for a recovery, signed by the key that will use the wallet: `{type, controller,
 * audience, nonce, created, securityCode?, email?, walletId?}` under an `eddsa-jcs-2022` proof of purpose
 * `authentication`.
 *
 * 1. Size, strict JSON, the shape of each member.
 * 2. It is meant for this realm, has a challenge of this server, and was made just now.
 * 3. The proof is by a did:key, which is the controller.
 *
 * The caller must use the nonce up (`useRequest`), because only a valid signature may do that.
 */
import { cryptoPort } from '@countersign/client/node-crypto';
import {
  isJsonObject,
  type JsonObject,
  ProofError,
  parseDidKey,
  parseInstant,
  parseJson,
  resolveDidKey,
  verifyDataIntegrityProof,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import { instantOf } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { useOnce } from '../subject/tokens/replay.ts';
import { challengeEnd, challengePurpose } from './challenge.ts';

export interface SignedRequest {
  /** The did:key. */
  readonly controller: string;
  /** The DID URL of its key. */
  readonly invoker: string;
  readonly securityCode: string | undefined;
  readonly email: string | undefined;
  readonly walletId: string | undefined;
  readonly nonce: string;
  /** Milliseconds until which the nonce must be remembered. */
  readonly nonceEnd: number;
}

export type RequestType = 'CreateWallet' | 'StartRecovery' | 'BeginRecovery' | 'CompleteRecovery';

const limits = { maxBytes: 16_384, maxDepth: 8 };
/** Milliseconds: the highest age of a request, and the tolerated difference of two clocks. */
const maxAge = 300_000;
const clockTolerance = 30_000;

/** @throws {Problem} `request.invalid` with a pointer to the member, `wallet.proof` */
export async function verifySignedRequest(
  context: Context,
  realm: Realm,
  presented: Uint8Array,
  type: RequestType = 'CreateWallet',
): Promise<SignedRequest> {
  const document = documentIn(presented);
  const { audience, nonce, created, securityCode } = document;
  if (document.type !== type) throw invalid('type', `type must be ${type}.`);
  const controller = controllerOf(document);
  if (typeof nonce !== 'string') throw invalid('nonce', 'nonce must be the text that GetChallenge gave.');
  if (!(securityCode === undefined || typeof securityCode === 'string')) {
    throw invalid('securityCode', 'securityCode must be the text that was mailed.');
  }
  const [email, walletId] = [textIn(document, 'email'), textIn(document, 'walletId')];
  if (audience !== realm.issuer) throw invalid('audience', `audience must be ${realm.issuer}.`);
  requireRecent(context, parseInstant(created));
  const nonceEnd = challengeEnd(context, realm, nonce);
  if (nonceEnd === undefined)
    throw invalid('nonce', 'The challenge is not from this server, or is too old: get another one.');
  const invoker = await proverOf(context, document, controller);
  return { controller, invoker, securityCode, email, walletId, nonce, nonceEnd };
}

/** Uses the nonce of a verified request up. @throws {Problem} `wallet.proof` */
export async function useRequest(context: Context, realm: Realm, { nonce, nonceEnd }: SignedRequest): Promise<void> {
  if (await useOnce(context, realm.name, challengePurpose, nonce, instantOf(nonceEnd))) return;
  throw new Problem('wallet.proof', { detail: 'The challenge was used before: get another one.' });
}

function textIn(document: JsonObject, member: 'email' | 'walletId'): string | undefined {
  const value = document[member];
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(member, `${member} must be text.`);
}

/** Step 1. */
function documentIn(presented: Uint8Array): JsonObject {
  const parsed = parseJson(presented, limits);
  if (!parsed.ok) throw invalid('', `signed_request is not strict JSON (${parsed.reason}).`);
  if (!isJsonObject(parsed.value)) throw invalid('', 'signed_request must be a JSON object.');
  return parsed.value;
}

/** The DID, even if the DID URL of its one key is given. */
function controllerOf({ controller }: JsonObject): string {
  const [did, fragment, ...more] = typeof controller === 'string' ? controller.split('#') : [];
  try {
    const { did: known, keyType, multikey } = parseDidKey(did ?? '');
    const isWhole = more.length === 0 && (fragment === undefined || fragment === multikey);
    if (isWhole && keyType === 'Ed25519') return known;
  } catch (refusal) {
    if (!(refusal instanceof ProofError)) throw refusal;
  }
  throw invalid('controller', 'controller must be a did:key of an Ed25519 key.');
}

/** Step 2. Written so that an unreadable time is refused. */
function requireRecent({ clock }: Context, created: number | undefined): void {
  const now = clock.now();
  if (created !== undefined && created <= now + clockTolerance && now - created <= maxAge + clockTolerance) return;
  throw invalid('created', 'created must be the time of the request, as RFC 3339 writes it.');
}

/** Step 3. */
async function proverOf({ clock }: Context, document: JsonObject, controller: string): Promise<string> {
  try {
    const proof = await verifyDataIntegrityProof(document, {
      crypto: cryptoPort,
      purpose: 'authentication',
      now: clock.now(),
      maxAge,
      clockTolerance,
      cryptosuites: ['eddsa-jcs-2022'],
      resolve: (url, purpose) => (url.startsWith('did:key:') ? resolveDidKey(url, purpose) : undefined),
    });
    if (proof.controller === controller) return proof.verificationMethod;
  } catch (cause) {
    // The maker of a proof may know what is wrong with it.
    if (cause instanceof ProofError) throw new Problem('wallet.proof', { detail: cause.message, cause });
    throw cause;
  }
  throw new Problem('wallet.proof', { detail: 'The proof is by another key than that of the controller.' });
}

function invalid(member: string, detail: string): Problem {
  return new Problem('request.invalid', {
    detail,
    pointer: member === '' ? 'signed_request' : `signed_request/${member}`,
  });
}
