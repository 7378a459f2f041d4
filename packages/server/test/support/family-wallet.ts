/** A wallet whose device lets two subjects in, and all that each of them makes from its capability. */
import { fromBinary } from '@bufbuild/protobuf';
import { GetWalletRequestSchema, WalletSchema } from '@countersign/client/rpc';
import type { CallAuthorization } from '@countersign/proof/didcomm';
import type { Doc } from '../../../proof/test/support/capability.ts';
import { exchangeGrant } from './chain.ts';
import { bearing, bytes, type FamilyCalls, tokensPath } from './family-calls.ts';
import type { Answer } from './fresh-connection.ts';
import { bytesOf, type Configuration, packing } from './packed-calls.ts';
import {
  base64url,
  callInvocation,
  createRequest,
  type Device,
  delegation,
  dpopProof,
  newDevice,
  tokenRequest,
} from './wallet.ts';
import { walletType } from './wallet-exchange.ts';

export type Verdict = 'alive' | 'refused' | 'mixed';

export interface Child {
  /** At this node; absent if no node decides. */
  verdict?(node: string): Promise<Verdict>;
  /** For those that verify offline: why not, or undefined. */
  offline?(): Promise<string | undefined>;
}

interface Verdicts {
  status(wanted: number, refused: number, answer: Answer): Verdict;
  passable(token: string, type: string): Child;
  last(token: string): Child;
  readonly services: readonly [ledger: string, archive: string];
}

const getWalletPath = '/countersign.v1.WalletService/GetWallet';

export async function familyWallet(calls: FamilyCalls, { status, passable, last, services }: Verdicts) {
  const { ok, oauth, exchanged, rpc, challenge, acquire, acquired, first, issuer, realm } = calls;
  const [ledger, archive] = services;
  const device = newDevice();
  const opened = createRequest(device, await challenge(first));
  const { walletId, zcap } = await ok(rpc(first, 'WalletService/CreateWallet', { signedRequest: bytes(opened) }));
  const root = JSON.parse(Buffer.from(zcap, 'base64').toString()) as Doc;
  const configuration = (await ok(rpc(first, 'ProviderService/GetConfiguration', {}))) as Configuration;

  const usable = (by: Device, capability: Doc): Child => ({
    verdict: async (node) => status(200, 403, await acquire(node, by, capability)),
  });
  const getWallet = (token: string): Child => ({
    verdict: async (node) =>
      status(200, 401, await rpc(node, 'WalletService/GetWallet', { walletId }, bearing(token).headers)),
  });
  /** The same call, sealed by the device. `authorize` is asked each time: an invocation counts once. */
  async function packed(by: Device, authorize: (message: Uint8Array) => CallAuthorization): Promise<Child> {
    const { pack, read } = await packing(by, configuration);
    const message = bytesOf(GetWalletRequestSchema, { walletId });
    return {
      async verdict(node) {
        const { id, packed } = await pack(getWalletPath, message, authorize(message));
        const sent = { message: Buffer.from(packed).toString('base64') };
        const answer = await ok(rpc(node, 'SecureService/Request', sent));
        const result = await read(id, getWalletPath, Buffer.from(answer.message, 'base64').toString());
        if ('message' in result)
          return fromBinary(WalletSchema, result.message).walletId === walletId ? 'alive' : 'mixed';
        if (result.status === 7 || result.status === 16) return 'refused';
        throw new Error(`${realm}: packed ${JSON.stringify(result)}`);
      },
    };
  }

  /** A capability from a session or a client's token, and all that comes of it. */
  async function childrenOf(
    who: string,
    token: string,
    type: string,
    client?: string,
  ): Promise<Readonly<Record<string, Child>>> {
    const [key, friend] = [newDevice(), newDevice()];
    const wanted = {
      grant_type: exchangeGrant,
      requested_token_type: 'urn:countersign:params:oauth:token-type:capability',
      subject_token: token,
      subject_token_type: type,
      audience: `urn:countersign:wallet:${walletId}`,
      scope: 'wallet:read wallet:grant',
    };
    const dpop = dpopProof(key, { htu: `${issuer}${tokensPath}` });
    const { access_token } = await ok(oauth(first, wanted, client, { dpop }));
    const capability = JSON.parse(Buffer.from(access_token, 'base64url').toString()) as Doc;
    const walletToken = await acquired(key, capability);
    const granted = delegation(capability, key, friend);
    await ok(rpc(first, 'WalletService/GrantAccess', { walletId, zcap: bytes(granted) }, bearing(walletToken).headers));
    const members = { resource: ledger, scope: 'wallet:read' };
    const invocation = base64url(tokenRequest(key, capability, await challenge(first), { members }));
    const invoked = 'urn:countersign:params:oauth:token-type:capability-invocation';
    const served = await exchanged(first, invocation, invoked, ledger, undefined, { scope: 'wallet:read' });
    const invoking = (message: Uint8Array) => ({
      invocation: base64url(callInvocation(key, capability, { procedure: getWalletPath, message, audience: issuer })),
    });
    return {
      [`capability of ${who}`]: usable(key, capability),
      [`wallet token of ${who}`]: getWallet(walletToken),
      [`packed call by the wallet token of ${who}`]: await packed(key, () => ({ token: walletToken })),
      [`packed call by the capability of ${who}`]: await packed(key, invoking),
      [`capability that ${who} granted on`]: usable(friend, granted),
      [`service token of ${who}`]: passable(served, walletType),
      [`service token of ${who}, passed on`]: last(await exchanged(first, served, walletType, archive, 'ledger')),
    };
  }
  return { device, root, walletId, usable, childrenOf };
}
