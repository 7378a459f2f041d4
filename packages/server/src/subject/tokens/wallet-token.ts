import {
  type Ancestor,
  longestWalletToken,
  subjectFromWalletToken,
  type WalletSubject,
  walletScope,
  walletTokenTypes,
} from '@countersign/proof';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../realm.ts';
import { presentSubjectState } from '../subject.ts';
import { ancestorsClaim, goneAmong } from './ancestor.ts';
import { readToken } from './bearer.ts';
import { issueDocument } from './token.ts';

/**
 * The token that a device gets for invoking its capability. It lives five minutes at most, never beyond its chain, and
 * dies once any link of the chain is revoked. It writes no row.
 */
const [walletTokenType] = walletTokenTypes;

/** `sub` of a wallet. Wallets are never deleted, so the name is never reused. */
export function walletSubjectId(walletId: string): string {
  return `wallet:${walletId}`;
}

export interface WalletGrant {
  /** The service that is called with the token. Absent: this server. */
  readonly audience?: string | undefined;
  readonly walletId: string;
  /** The DID of the device. */
  readonly device: string;
  readonly actions: readonly string[];
  readonly roles: readonly string[];
  /** The generation of the wallet in which it has these roles. */
  readonly generation: number;
  /** The ids from the first delegation to the invoked one. */
  readonly chain: readonly string[];
  /** The ancestors of the links. */
  readonly ancestors: readonly Ancestor[];
  /** The end of the chain, in milliseconds. */
  readonly chainEnds: number;
  /** Thumbprint of the key that the token is bound to. */
  readonly confirmation: string | undefined;
}

export interface IssuedWalletToken {
  readonly token: string;
  readonly tokenType: 'Bearer' | 'DPoP';
  /** Seconds. */
  readonly expiresIn: number;
}

export async function issueWalletToken(context: Context, realm: Realm, grant: WalletGrant): Promise<IssuedWalletToken> {
  const { audience, walletId, device, actions, roles, generation, chain, ancestors, chainEnds, confirmation } = grant;
  const sub = walletSubjectId(walletId);
  const iat = seconds(context.clock.now());
  const exp = Math.min(iat + longestWalletToken, seconds(chainEnds));
  if (exp <= iat) throw new Problem('wallet.denied', { reason: 'the chain ends now' });
  const claims = {
    iss: realm.issuer,
    aud: audience ?? realm.issuer,
    sub,
    iat,
    exp,
    jti: context.random.uuid(),
    gen: generation,
    wallet: walletId,
    device,
    actions,
    scope: actions.map(walletScope).join(' '),
    roles,
    capability: chain.at(-1),
    chain,
    ...ancestorsClaim(ancestors),
    ...(confirmation === undefined ? {} : { cnf: { jkt: confirmation } }),
  };
  return {
    token: await signWalletToken(context, realm, claims),
    tokenType: confirmation === undefined ? 'Bearer' : 'DPoP',
    expiresIn: exp - iat,
  };
}

/** Signs complete claims: new ones, or those of a token that is passed on. */
export function signWalletToken(context: Context, realm: Realm, claims: object): Promise<string> {
  return issueDocument(context, realm.name, 'token', walletTokenType, claims);
}

/**
 * The subject of a wallet token of this realm whose wallet and ancestors are alive. The caller must check that the
 * links of its chain still are, and that the presenter holds the key that the token is bound to.
 *
 * @throws {Problem} `token.invalid`
 */
export async function readWalletToken(context: Context, realm: Realm, presented: string): Promise<WalletSubject> {
  const expected = { types: walletTokenTypes, audience: realm.issuer };
  const subject = await readToken(context, realm, presented, expected, ({ claims }) => subjectFromWalletToken(claims));
  const state = await presentSubjectState(context, realm.name, subject);
  const isLive = state?.live && state.generation === subject.generation;
  const gone = isLive
    ? await goneAmong(context, realm.name, subject.ancestors)
    : 'the wallet is not live in this generation';
  if (gone === undefined) return subject;
  throw new Problem('token.invalid', { reason: gone });
}
