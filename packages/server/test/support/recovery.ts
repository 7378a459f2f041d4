/** A realm with a mail server and a clock that the test moves, and wallets in it. */
import {
  type Action,
  beginRecovery,
  completeRecovery,
  type OpenedWallet,
  type RecoveryEntry,
  startRecovery,
  Wallet,
  type WalletProfile,
} from '@countersign/client/wallet';
import { systemClock } from '../../src/kernel/clock.ts';
import { advanceRecoveries } from '../../src/wallets/recovery/advance.ts';
import { keepLastUses } from '../../src/wallets/recovery/last-use.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import type { TestServer } from './server.ts';
import { type Mailbox, mailbox, type Received } from './smtp.ts';
import { deviceOf, devRealm, lock, startServer } from './wallet-client.ts';

export const hour = 3_600_000;
export const day = 24 * hour;
export const email = 'ada@example.org';

export interface RecoveryRealm {
  readonly server: TestServer;
  readonly clock: ManualClock;
  readonly box: Mailbox;
  /** Options of a wallet whose clock is that of the server. */
  readonly options: { readonly now: () => number } & typeof lock;
  /** Moves the clock of every node, and lets due recoveries go on. */
  pass(milliseconds: number): Promise<void>;
  /** Another node of the same database. */
  anotherNode(): Promise<TestServer>;
  /** A wallet opened with an invitation to this address. */
  invited(to?: string): Promise<OpenedWallet>;
  admin(path: string, method?: 'GET' | 'POST', body?: object): Promise<Response>;
  /** As an administrator sees them, without a use of a device. */
  recoveriesOf(wallet: OpenedWallet): Promise<readonly { readonly state: string }[]>;
  /** The newest mail to this address whose text matches. */
  mail(to: string, text: RegExp): Promise<RegExpExecArray>;
  mailsTo(to: string): readonly string[];
  /** Another device, or a guest. */
  letIn(wallet: OpenedWallet, actions: readonly Action[]): Promise<OpenedWallet>;
  prepare(): Promise<WalletProfile>;
  start(profile: WalletProfile, to?: string): Promise<string>;
  begin(profile: WalletProfile, to?: string): Promise<RecoveryEntry>;
  finish(profile: WalletProfile, to?: string): Promise<OpenedWallet>;
}

export async function recoveryRealm(databaseUrl: string, settings: object = {}): Promise<RecoveryRealm> {
  // Caches and throttles measure real time.
  const clock = { ...manualClock(), elapsed: systemClock.elapsed };
  const box = await mailbox();
  const { network } = devRealm(settings);
  const env = { COUNTERSIGN_SMTP_URL: box.url };
  const server = await startServer({ databaseUrl, clock, network, env });
  const nodes = [server];
  const issuer = server.issuer();
  const options = { now: clock.now, ...lock };
  const mailsTo = (to: string) => box.received.filter((mail) => mail.to.includes(to)).map(({ raw }) => raw);
  const mail = (to: string, text: RegExp) =>
    eventually(() => {
      const found = mailsTo(to).map((raw) => text.exec(raw));
      return found.findLast((one) => one !== null);
    }, 10_000);
  const prepare = () => Wallet.prepare({ issuer, ...lock });
  /** Mails go out at their time: later they would be given up. */
  const sent = () => {
    const waiting = server.context.store.db.selectFrom('mail').select('id').where('state', '=', 'waiting');
    return eventually(async () => (await waiting.execute()).length === 0, 10_000);
  };

  const keepUses = () => Promise.all(nodes.map(({ context }) => keepLastUses(context)));

  const realm: RecoveryRealm = {
    server,
    clock,
    box,
    options,
    mail,
    mailsTo,
    prepare,
    async pass(milliseconds) {
      await keepUses();
      await sent();
      clock.advance(milliseconds);
      await Promise.all(nodes.map(({ context }) => advanceRecoveries(context)));
      await sent();
    },
    async anotherNode() {
      const more = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: server.url };
      const node = await startServer({ databaseUrl, clock, network, env: { ...env, ...more } });
      nodes.push(node);
      return node;
    },
    async invited(to = email) {
      const participant = 'PARTICIPANT_TYPE_INDIVIDUAL';
      const path = '/realms/dev/countersign.v1.ProviderService/Invite';
      await realm.admin(path, 'POST', { participant, email: to, description: 'Ada' });
      const [code] = await mail(to, /csw_[A-Za-z0-9_-]{43}/);
      return Wallet.create({ issuer, code, ...options });
    },
    async letIn(wallet, actions) {
      const expires = clock.now() + 300 * day;
      return Wallet.open((await deviceOf(wallet, actions, expires)).profile, options);
    },
    async admin(path, method = 'GET', body = {}) {
      const headers = { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' };
      return fetch(server.url + path, {
        method,
        headers,
        ...(method === 'POST' && { body: JSON.stringify(body) }),
      });
    },
    async recoveriesOf({ id }) {
      const answer = await realm.admin(`/realms/dev/admin/wallets/${id}/recoveries`);
      return ((await answer.json()) as { items: { state: string }[] }).items;
    },
    async start(profile, to = email) {
      // Uses are written once a second.
      await keepUses();
      const before = codes(mailsTo(to)).length;
      await startRecovery({ profile, email: to, ...options });
      await eventually(() => codes(mailsTo(to)).length > before, 10_000);
      return codes(mailsTo(to)).at(-1) as string;
    },
    begin: async (profile, to = email) => beginRecovery({ profile, code: await realm.start(profile, to), ...options }),
    async finish(profile, to = email) {
      const [code] = await mail(to, /csr_[A-Za-z0-9_-]{43}/);
      return completeRecovery({ profile, code, ...options });
    },
  };
  return realm;
}

const codes = (mails: readonly string[]) => mails.flatMap((raw) => /csb_[A-Za-z0-9_-]{43}/.exec(raw) ?? []);

export const subjectOf = ({ raw }: Pick<Received, 'raw'>) => /^Subject: (.*)$/m.exec(raw)?.[1]?.trim() ?? '';
