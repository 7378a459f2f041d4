import { type Action, encodeBase64url, type JsonObject, walletScope } from '@countersign/proof';
import { type Checks, leftOut } from '@countersign/proof/argument';
import { holdToken } from '../token/held-token.ts';
import type { TokenSource } from '../token/token.ts';
import { askTokenEndpoint } from '../token/token-endpoint.ts';
import type { CallFields } from './by.ts';
import { type Device, invocationOf, requireLive } from './device.ts';
import { deviceProof } from './dpop.ts';
import { challengeOf } from './realm-call.ts';
import { serialized } from './rpc.ts';
import { actionsOf, someActions } from './target.ts';
import { codeOf, type TokenKind } from './wallet-token.ts';

/** The actions of a token for a service. */
export interface ServiceOptions {
  /** The actions of the token. Default: all that the capability allows. */
  readonly actions?: readonly Action[];
}

export const serviceChecks: Checks<ServiceOptions> = { actions: leftOut(someActions) };

/**
 * Tokens of this wallet for one service.
 *
 * @throws {ClientError} by its methods: `oauth.*`, `capability.expired`, `challenge.audience`, `http.*`
 */
export interface ServiceTokens extends Required<TokenSource> {
  /** The header fields of one request: `authorization`, and `dpop` for a bound token. */
  authorize(method: string, url: string | URL): Promise<CallFields>;
}

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const invocationType = 'urn:countersign:params:oauth:token-type:capability-invocation';

/** RFC 8693: exchanges an invocation of the capability that names the service for a token that only this service accepts. */
export function createServiceTokens(
  device: Device,
  capability: JsonObject,
  service: string,
  { actions = [] }: ServiceOptions,
  wanted: TokenKind | undefined,
): ServiceTokens {
  let kind: TokenKind = wanted ?? 'bearer';
  const scope = actions.length === 0 ? undefined : actions.map(walletScope).join(' ');

  async function obtain() {
    const obtainedAt = device.now();
    requireLive(capability, obtainedAt);
    const asking = { capability, service, scope };
    const { text, expiresIn } = await exchange(device, asking, kind).catch((refusal: unknown) => {
      const isBoundOnly = codeOf(refusal) === 'oauth.invalid_dpop_proof';
      if (wanted !== undefined || kind === 'dpop' || !isBoundOnly) throw refusal;
      kind = 'dpop';
      return exchange(device, asking, kind);
    });
    return { text, obtainedAt, expiresIn };
  }

  const held = holdToken(obtain, device);
  return {
    ...held,
    async authorize(method, url) {
      const token = await held.token();
      if (kind === 'bearer') return { authorization: `Bearer ${token}` };
      const { origin, pathname } = new URL(url);
      const proof = await deviceProof(device, { method, uri: origin + pathname }, token);
      return { authorization: `DPoP ${token}`, dpop: proof };
    },
  };
}

interface Asking {
  readonly capability: JsonObject;
  readonly service: string;
  readonly scope: string | undefined;
}

async function exchange(device: Device, { capability, service, scope }: Asking, kind: TokenKind) {
  const nonce = await challengeOf(device);
  const action = actionsOf(capability)[0] ?? 'read';
  const request = { kind: 'token', resource: service, ...(scope === undefined ? {} : { scope }) } as const;
  const invocation = await invocationOf(device, { capability, action, nonce, request });
  const form = new URLSearchParams({
    grant_type: grantType,
    subject_token: encodeBase64url(serialized(invocation)),
    subject_token_type: invocationType,
    audience: service,
    ...(scope === undefined ? {} : { scope }),
  });
  const uri = `${device.issuer}/protocol/openid-connect/token`;
  const fields: CallFields = kind === 'bearer' ? {} : { dpop: await deviceProof(device, { method: 'POST', uri }) };
  return askTokenEndpoint(uri, undefined, form, [kind], device.transport, fields);
}
