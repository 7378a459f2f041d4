/** The last device of a wallet is lost: the whole recovery. The clock of the server is set forward, so this comes last. */
import { type OpenedWallet, Wallet } from '@countersign/client/wallet';
import { refusalOf } from './refusal.ts';
import { administer, type Stage, step } from './stage.ts';

const lock = { passphrase: 'for as long as the demonstration runs', cost: { N: 2 ** 14, r: 8, p: 1 } } as const;
const hour = 3_600_000;
const email = 'grace@home.example';

export async function recovery(stage: Stage): Promise<void> {
  let ahead = 0;
  const pass = (milliseconds: number) => {
    ahead += milliseconds;
    stage.setForward(milliseconds);
  };
  const options = { ...lock, now: () => Date.now() + ahead };
  const lost = await invited(stage);
  const title =
    'The only device of a wallet is lost; 32 days later (the clock is set forward) a new one begins a recovery';
  const profile = await step(title, async () => {
    pass(32 * 24 * hour);
    const made = await Wallet.prepare({ issuer: stage.issuer, ...lock });
    await Wallet.startRecovery({ profile: made, email, ...options });
    const { earliest = 0 } = await Wallet.beginRecovery({
      profile: made,
      code: await codeFor(stage, 'csb'),
      ...options,
    });
    const hours = Math.round((earliest - options.now()) / hour);
    return { value: made, proved: `the code of the mail began a delay of ${hours} hours` };
  });
  await step('The address is told again at half time; at the end the new device gets the wallet', async () => {
    pass(37 * hour);
    await stage.mails.mailTo(email, /half over/);
    pass(37 * hour);
    const recovered = await Wallet.completeRecovery({ profile, code: await codeFor(stage, 'csr'), ...options });
    const { id } = await recovered.describe();
    if (id !== lost.id) throw new Error(`another wallet: ${id}`);
    const granted = await refusalOf(recovered.grant(lost.did, { actions: ['read'], expires: options.now() + hour }));
    const before = await Wallet.open(lost.profile, options);
    const proved = `wallet ${id} is back; for 72 hours to pass it on is ${granted}; the lost device is ${await refusalOf(before.describe())}`;
    return { value: undefined, proved };
  });
}

async function invited(stage: Stage): Promise<OpenedWallet> {
  const wanted = { participant: 'PARTICIPANT_TYPE_INDIVIDUAL', email, description: 'Grace' };
  await administer(stage, '/realms/dev/countersign.v1.ProviderService/Invite', wanted);
  return Wallet.create({ issuer: stage.issuer, code: await codeFor(stage, 'csw'), ...lock });
}

async function codeFor(stage: Stage, prefix: string): Promise<string> {
  const shape = new RegExp(`${prefix}_[A-Za-z0-9_-]{43}`);
  return shape.exec(await stage.mails.mailTo(email, shape))?.[0] as string;
}
