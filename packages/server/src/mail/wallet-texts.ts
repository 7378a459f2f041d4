import { type InvitationValues, invitationTexts } from './invitation-texts.ts';
import { moment, once, type Text } from './letter.ts';

/** The mails about wallets and their recovery. */
export interface WalletValues extends InvitationValues {
  /** Proves that the reader has this address, which a device named for its wallet. */
  readonly 'wallet-address': { readonly walletId: string; readonly code: string; readonly until: number };
  /** To the new address and to the one before. */
  readonly 'wallet-address-changed': { readonly walletId: string; readonly at: number };
  /** A stranger may have asked for it. */
  readonly 'wallet-recovery-start': { readonly walletId: string; readonly code: string; readonly until: number };
  /** To every address, at every stage. Has no code, and no text that a caller chose. */
  readonly 'wallet-recovery': {
    readonly walletId: string;
    readonly stage: RecoveryStage;
    /** The did:key of the new device. */
    readonly did: string;
    readonly at: number;
    /** When the code is mailed at the earliest. */
    readonly earliest: number;
  };
  /** At the end of the delay, to the address that began it. */
  readonly 'wallet-recovery-code': {
    readonly walletId: string;
    readonly did: string;
    readonly code: string;
    readonly until: number;
  };
}

type RecoveryStage = keyof typeof stages;

interface Stage {
  readonly subject: string;
  readonly lines: (earliest: string, did: string) => readonly string[];
}

const stop = [
  'If it was not you: use any device of the wallet, which stops it, or ask the',
  'administrators to stop it. Then change the password of this mailbox.',
  '  countersign wallet recovery cancel',
];

const approve = (did: string) => [
  'If it was you and a device of the wallet was used within 30 days, approve it on',
  'that device, before any other call. Otherwise the recovery fails. Compare the',
  'DID with the one that the new device shows.',
  '  countersign wallet recovery approve \\',
  `    ${did}`,
];

const stages = {
  started: {
    subject: 'A recovery of your wallet began',
    lines: (earliest, did) => [
      `The code for the new device is mailed on ${earliest} at the earliest.`,
      '',
      ...stop,
      '',
      ...approve(did),
    ],
  },
  reminded: {
    subject: 'A recovery of your wallet is half over',
    lines: (earliest, did) => [
      `The code for the new device is mailed on ${earliest} at the earliest.`,
      '',
      ...stop,
      '',
      ...approve(did),
    ],
  },
  ready: {
    subject: 'A recovery of your wallet is about to end',
    lines: () => [
      'The code was mailed. As soon as the new device uses it, every other device',
      'and everybody who was let in loses the wallet.',
      '',
      ...stop,
    ],
  },
  completed: {
    subject: 'Your wallet was recovered',
    lines: () => [
      'The new device holds the wallet. Every other device, and everybody who was',
      'let in, has lost it. For 72 hours the wallet can only be read.',
      '',
      'If it was not you, tell the administrators at once: they can suspend the',
      'wallet.',
    ],
  },
  cancelled: {
    subject: 'A recovery of your wallet was stopped',
    lines: () => [
      'A device of the wallet was used or stopped it, or an administrator did.',
      'Nothing has changed. If you did not begin it, change the password of this',
      'mailbox.',
    ],
  },
  failed: {
    subject: 'A recovery of your wallet failed',
    lines: () => [
      'A device that was used within 30 days did not approve it, or the address of',
      'the wallet was changed, or the code was not used in time, or the wallet is',
      'suspended, or the server was restored from a copy. Nothing has changed.',
      '',
      'If you lost your devices, begin again 31 days after their last use.',
    ],
  },
} as const satisfies Record<string, Stage>;

export const walletTexts: { readonly [P in keyof WalletValues]: Text<WalletValues[P]> } = {
  ...invitationTexts,
  'wallet-address': ({ walletId, code, until }, { realm, issuer }) => [
    `Confirm this address for a wallet of ${realm}`,
    'A device named this address for the recovery of the wallet',
    `  ${walletId}`,
    'at',
    `  ${issuer}`,
    '',
    'Confirm it on the device with this code:',
    '',
    `  ${code}`,
    '',
    once(until),
    'If it was not you, do nothing: the address does not count.',
  ],
  'wallet-address-changed': ({ walletId, at }, { realm, issuer }) => [
    `The address of your wallet for ${realm} was changed`,
    `On ${moment(at)} the address of the wallet`,
    `  ${walletId}`,
    'was changed at',
    `  ${issuer}`,
    '',
    'The new address can recover the wallet after 30 days.',
    'If it was not you, tell the administrators: somebody has one of your devices.',
  ],
  'wallet-recovery-start': ({ walletId, code, until }, { realm, issuer }) => [
    `Your code to recover a wallet for ${realm}`,
    'Somebody, probably you, asked to recover the wallet',
    `  ${walletId}`,
    'at',
    `  ${issuer}`,
    '',
    'The code to begin with is:',
    '',
    `  ${code}`,
    '',
    once(until),
    'If it was not you, do nothing: your wallet stays as it is.',
    'We never ask you for this code.',
    '',
    ...explained(issuer),
  ],
  'wallet-recovery': ({ walletId, stage, did, at, earliest }, { realm, issuer }) => {
    const { subject, lines }: Stage = stages[stage];
    return [
      `${subject} for ${realm}`,
      `On ${moment(at)}, at`,
      `  ${issuer}`,
      'for the wallet',
      `  ${walletId}`,
      'and the new device',
      `  ${did}`,
      '',
      ...lines(moment(earliest), did),
      '',
      ...explained(issuer),
    ];
  },
  'wallet-recovery-code': ({ walletId, did, code, until }, { realm, issuer }) => [
    `Your code to take over your wallet for ${realm}`,
    'The delay of the recovery is over, for the wallet',
    `  ${walletId}`,
    'at',
    `  ${issuer}`,
    '',
    'Finish it on the device that began it, with this code:',
    '',
    `  ${code}`,
    '',
    'Only this device can use it:',
    `  ${did}`,
    '',
    once(until),
    'If you did not begin it, tell the administrators, who can stop it.',
    '',
    ...explained(issuer),
  ],
};

function explained(issuer: string): readonly string[] {
  return ['What a recovery is, and what to do:', `  ${issuer}/wallets/recovery`];
}
