/** The second document: devices prove themselves for wallets by invoking a capability, over gRPC, gRPC-Web and HTTP. */
import { create } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { ClientError } from '@countersign/client';
import { GetWalletRequestSchema, WalletService } from '@countersign/client/rpc';
import { type OpenedWallet, Wallet } from '@countersign/client/wallet';
import { administer, type Stage, step } from './stage.ts';

/**
 * The lock of the profiles, which are deleted at the end. It is cheap; use a real passphrase and the default cost elsewhere.
 */
const lock = { passphrase: 'for as long as the demonstration runs', cost: { N: 2 ** 14, r: 8, p: 1 } } as const;
const hour = 3_600_000;

export async function wallets(stage: Stage): Promise<void> {
  const faber = await register(stage, 'organization', 'admin@faber.example');
  const alice = await register(stage, 'individual', 'alice@home.example');
  await calls(stage, alice);
  await delegation(stage, alice);
  await thief(stage, 'alice@home.example');
  await step('A packed call: only the realm can read it, only the caller its answer', async () => {
    const { walletId } = await faber.pack(WalletService.method.getWallet, { walletId: faber.id as string });
    return { value: walletId, proved: `wallet ${walletId} described through a DIDComm message, sealed by its device` };
  });
}

/** The steps of the document’s first two diagrams: invite, and new registration. */
async function register(
  stage: Stage,
  participant: 'organization' | 'individual',
  email: string,
): Promise<OpenedWallet> {
  const kind = participant === 'organization' ? 'An organization' : 'A person';
  return step(`${kind} is invited by mail and makes a wallet`, async () => {
    const wanted = { participant: `PARTICIPANT_TYPE_${participant.toUpperCase()}`, email, description: email };
    await administer(stage, '/realms/dev/countersign.v1.ProviderService/Invite', wanted);
    const [code] = /csw_[A-Za-z0-9_-]{43}/.exec(await stage.mails.mailTo(email, /csw_/)) as RegExpExecArray;
    const value = await Wallet.create({ issuer: stage.issuer, code, ...lock });
    const again = await refusal(() => Wallet.create({ issuer: stage.issuer, code, ...lock }));
    const { didDocument } = await value.describe();
    const keys = (didDocument.verificationMethod as readonly unknown[]).length;
    const proved = `owner ${String(didDocument.id).slice(0, 20)}… with ${keys} keys, device ${value.did.slice(0, 20)}…; the code a second time: ${again}`;
    return { value, proved };
  });
}

/** The diagrams of an existing registration and of the API call, over each protocol. */
async function calls(stage: Stage, wallet: OpenedWallet): Promise<void> {
  await step('The wallet invokes its capability, gets a token, and calls over three protocols', async () => {
    const token = await wallet.token();
    const options = { ...wallet.callOptions(), baseUrl: stage.issuer };
    const seen = [
      (await wallet.describe()).id,
      await walletIdOver(createGrpcTransport(options), wallet),
      await walletIdOver(createGrpcWebTransport({ ...options, httpVersion: '2' }), wallet),
    ];
    if (seen.some((id) => id !== wallet.id)) throw new Error(`another wallet: ${seen}`);
    const proved = `a token of ${token.length} characters, and wallet ${wallet.id} over HTTP/JSON, gRPC and gRPC-Web`;
    return { value: undefined, proved };
  });
  await step('Without a token, each call is a separate invocation, bound to its bytes', async () => {
    const path = '/countersign.v1.WalletService/GetWallet';
    const { walletId } = await wallet.call(path, { walletId: wallet.id as string }, 'invocation');
    const fields = await wallet.invoke(path, new TextEncoder().encode('{"walletId":"other"}'));
    const stolen = await fetch(stage.issuer + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...fields },
      body: JSON.stringify({ walletId }),
    });
    return { value: undefined, proved: `good for its own message; for another message ${stolen.status}` };
  });
}

async function walletIdOver(transport: Transport, { id }: OpenedWallet): Promise<string> {
  const client = createClient(WalletService, transport);
  return (await client.getWallet(create(GetWalletRequestSchema, { walletId: id as string }))).walletId;
}

/** Alice’s device delegates to a second device, which delegates to a third. */
async function delegation(stage: Stage, first: OpenedWallet): Promise<void> {
  const second = await delegate(stage, first, ['read', 'grant']);
  const third = await delegate(stage, second, ['read']);
  await step('A device delegates to a second one, and that to a third, each time less', async () => {
    await third.describe();
    const more = await refusal(() => third.grant(first.did, { actions: ['read'], expires: Date.now() + hour / 4 }));
    return { value: undefined, proved: `the third device reads the wallet; to pass it on: ${more}` };
  });
  await step('The middle link is revoked, and everything below it ends', async () => {
    const begun = performance.now();
    const revoked = await first.revoke({ did: second.did });
    const [middle, tail] = [await refusal(() => second.describe()), await refusal(() => third.describe())];
    await first.describe();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    const proved = `${revoked.length} capabilities ended; second device ${middle}, third ${tail}, within ${seconds} s; the first goes on`;
    return { value: undefined, proved };
  });
}

async function delegate(
  stage: Stage,
  from: OpenedWallet,
  actions: readonly ('read' | 'grant')[],
): Promise<OpenedWallet> {
  const profile = await Wallet.prepare({ issuer: stage.issuer, ...lock });
  const { expires } = (await from.list()).find(({ controller }) => controller === from.did) ?? {
    expires: Date.now() + hour,
  };
  const { capability } = await from.grant(profile.did, { actions, expires: Math.min(expires, Date.now() + hour) });
  return Wallet.open(Wallet.accept(profile, capability), lock);
}

/** A thief of the mailbox asks for the wallet. */
async function thief(stage: Stage, email: string): Promise<void> {
  await step('A reader of the mailbox alone tries to recover the wallet', async () => {
    const profile = await Wallet.prepare({ issuer: stage.issuer, ...lock });
    const { earliest } = await Wallet.startRecovery({ profile, email, ...lock });
    const unknown = await Wallet.startRecovery({ profile, email: 'unknown@home.example', ...lock });
    const hours = [earliest, unknown.earliest].map((end) => Math.round((end - Date.now()) / hour));
    const [code] = /csb_[A-Za-z0-9_-]{43}/.exec(await stage.mails.mailTo(email, /csb_/)) as RegExpExecArray;
    const refused = await refusal(() => Wallet.beginRecovery({ profile, code, ...lock }));
    const proved = `the same answer for every address (${hours.join(' and ')} hours); with the mailed code: ${refused}, the address is too new`;
    return { value: undefined, proved };
  });
}

/** Makes a call that must be refused, and returns the refusal. */
async function refusal(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof ClientError || (error as { code?: unknown }).code !== undefined)
      return String((error as { code: unknown }).code);
    throw error;
  }
  throw new Error('a call was accepted that must be refused');
}
