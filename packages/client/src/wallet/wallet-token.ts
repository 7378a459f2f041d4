import { encodeBase64url, isJsonObject, type JsonObject } from '@countersign/proof';
import { oneOf, optional } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { holdToken } from '../token/held-token.ts';
import type { TokenSource } from '../token/token.ts';
import type { CallFields } from './by.ts';
import { type Device, invocationOf, requireLive, textIn } from './device.ts';
import { deviceProof } from './dpop.ts';
import { callRealm, challengeOf } from './realm-call.ts';
import { recoveryIn } from './recoveries.ts';
import { bytesField, type RpcPath, serialized } from './rpc.ts';
import { actionsOf } from './target.ts';

export interface WalletTokens extends Required<TokenSource> {
  /** The header fields of one call: the token, and the proof for this call if the token is bound. */
  fieldsFor(path: string): Promise<CallFields>;
}

/** With `bearer` no call is signed; `dpop` binds the token to the device's key. */
export type TokenKind = 'bearer' | 'dpop';

export const tokenKindCheck = optional(oneOf('bearer', 'dpop'));

const acquire: RpcPath = '/countersign.v1.AuthService/AcquireToken';

/**
 * Tokens of a wallet, acquired by invoking its capability, and kept until shortly before they expire. By default they are
 * bearer tokens, and bound tokens as soon as the realm says that it accepts no others.
 */
export function createWalletTokens(
  device: Device,
  capability: JsonObject,
  wanted: TokenKind | undefined,
): WalletTokens {
  let kind: TokenKind = wanted ?? 'bearer';
  let told = '';

  /** Each change once. */
  function tellRecovery({ recovery }: JsonObject): void {
    if (device.onRecovery === undefined || !isJsonObject(recovery)) return;
    const entry = recoveryIn(recovery);
    const change = `${entry.id} ${entry.state}`;
    if (change === told) return;
    told = change;
    device.onRecovery(entry);
  }

  async function obtain() {
    const obtainedAt = device.now();
    requireLive(capability, obtainedAt);
    const answer = await acquireToken(device, capability, kind).catch((refusal: unknown) => {
      if (wanted !== undefined || kind === 'dpop' || codeOf(refusal) !== 'dpop.missing') throw explained(refusal);
      kind = 'dpop';
      return acquireToken(device, capability, kind);
    });
    tellRecovery(answer);
    const { expiresIn } = answer;
    const text = textIn(answer, 'walletToken');
    if (typeof expiresIn === 'number' && expiresIn > 0) return { text, obtainedAt, expiresIn: expiresIn * 1000 };
    throw new ClientError('rpc.malformed', 'The answer lacks expiresIn.');
  }

  const held = holdToken(obtain, device);
  return {
    ...held,
    async fieldsFor(path) {
      const token = await held.token();
      if (kind === 'bearer') return { authorization: `Bearer ${token}` };
      return { authorization: `DPoP ${token}`, dpop: await deviceProof(device, callTo(device, path), token) };
    },
  };
}

/** The steps of the document: get a challenge, invoke the capability with it, get the token. */
async function acquireToken(device: Device, capability: JsonObject, kind: TokenKind): Promise<JsonObject> {
  const nonce = await challengeOf(device);
  const action = actionsOf(capability)[0] ?? 'read';
  const invocation = await invocationOf(device, { capability, action, nonce, request: { kind: 'token' } });
  const bound = kind === 'dpop' ? { dpopProof: await deviceProof(device, callTo(device, acquire)) } : {};
  return callRealm(device, acquire, { invocation: bytesField(invocation), ...bound });
}

/** The method and the URI of a call below the realm, for every transport. */
function callTo({ issuer }: Device, path: string) {
  return { method: 'POST', uri: issuer + path } as const;
}

/** The realm does not tell strangers the reason; here the holder of the capability gets an explanation. */
function explained(refusal: unknown): unknown {
  if (codeOf(refusal) !== 'wallet.denied') return refusal;
  const text =
    'The realm refuses this device: its capability was revoked, has expired or was never registered, or the clock here is wrong.';
  return new ClientError('wallet.denied', text, { cause: refusal });
}

export function codeOf(refusal: unknown): string | undefined {
  return refusal instanceof ClientError ? refusal.code : undefined;
}

/** The invocation document as metadata of a call. */
export function invocationFields(invocation: JsonObject): CallFields {
  return { 'capability-invocation': encodeBase64url(serialized(invocation)) };
}
