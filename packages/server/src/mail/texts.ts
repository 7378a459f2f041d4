import { isoDate } from '../kernel/clock.ts';

/**
 * What we write, and why. Plain text without links to click: a code is consumed by a POST that its owner makes, never by a mail
 * filter that follows links. No line is longer than mail programs show.
 */
export interface Values {
  /** Somebody has got a credential and sets its first password. */
  readonly 'password-invitation': { readonly credentialId: string; readonly code: string; readonly until: number };
  readonly 'lost-password': { readonly code: string; readonly until: number };
  readonly 'password-changed': { readonly at: number };
  /** A login from where this credential was never seen, or so many failures that new devices have to wait. */
  readonly 'new-device': { readonly at: number; readonly source: string };
  readonly 'login-locked': { readonly at: number };
  /** What was done to the second factors of a credential; to which, by its name. */
  readonly 'factor-changed': { readonly at: number; readonly change: FactorChange; readonly factor: string };
  readonly 'wallet-invitation': {
    readonly participant: 'individual' | 'organization';
    /** The inviter's words, one line. */
    readonly description: string;
    readonly code: string;
    readonly until: number;
  };
}

export type Purpose = keyof Values;

export type FactorChange = keyof typeof factorChanges;

const factorChanges = {
  added: 'A second factor was added',
  removed: 'A second factor was removed',
  recovered: 'A recovery code was used',
  renewed: 'New recovery codes were made',
  guessed: 'Many wrong second factors were tried',
} as const;

/** Where the reader has to do with us. */
export interface Place {
  readonly realm: string;
  /** `{public}/realms/{realm}`. */
  readonly issuer: string;
  readonly publicUrl: string;
}

export interface Letter {
  readonly subject: string;
  readonly text: string;
}

type Text<P extends Purpose> = (values: Values[P], place: Place) => readonly [subject: string, ...lines: string[]];

const texts: { readonly [P in Purpose]: Text<P> } = {
  'password-invitation': ({ credentialId, code, until }, { realm, issuer }) => [
    `Set your password for ${realm}`,
    'You have been given access to',
    `  ${issuer}`,
    '',
    'Set your first password with this code:',
    '',
    `  ${code}`,
    '',
    'An application may ask you for it. Applications send it, as a bearer token,',
    'with the new password to',
    `  POST ${issuer}/passwords/${encodeURIComponent(credentialId)}/create`,
    '',
    once(until),
  ],
  'lost-password': ({ code, until }, { realm, issuer }) => [
    `Your code for a new password for ${realm}`,
    'Somebody, probably you, asked for a new password at',
    `  ${issuer}`,
    '',
    'The code is:',
    '',
    `  ${code}`,
    '',
    once(until),
    'If it was not you, do nothing: your password stays as it is.',
    'Nobody of ours will ever ask you for this code.',
  ],
  'password-changed': ({ at }, { realm, issuer }) => [
    `Your password for ${realm} was changed`,
    `On ${moment(at)} your password was changed at`,
    `  ${issuer}`,
    '',
    'If it was you, there is nothing to do.',
    'If not, set a new one by "lost password" now, and tell your administrator.',
  ],
  'new-device': ({ at, source }, { realm, issuer }) => [
    `A new device logged in to ${realm}`,
    `On ${moment(at)} somebody logged in with your password from`,
    'a device that was not used before, at',
    `  ${issuer}`,
    `from the address ${source}.`,
    '',
    'If it was you, there is nothing to do.',
    'If not, change your password now, and tell your administrator.',
  ],
  'login-locked': ({ at }, { realm, issuer }) => [
    `Many failed logins at ${realm}`,
    `Until ${moment(at)} somebody failed many times to log in as you at`,
    `  ${issuer}`,
    '',
    'Devices that you used before still work. On a new device you may have to',
    'wait, or to set a new password by "lost password".',
  ],
  'factor-changed': ({ at, change, factor }, { realm, issuer }) => [
    `${factorChanges[change]} for ${realm}`,
    `On ${moment(at)}, at`,
    `  ${issuer}`,
    `${factorChanges[change].toLowerCase()} for your login:`,
    `  ${factor}`,
    '',
    'If it was you, there is nothing to do.',
    'If not, change your password now, and tell your administrator.',
  ],
  'wallet-invitation': ({ participant, description, code, until }, { realm, publicUrl }) => [
    `Create your wallet for ${realm}`,
    participant === 'organization'
      ? 'Your organization is invited to create a wallet at'
      : 'You are invited to create a wallet at',
    `  ${publicUrl}`,
    `in ${realm}. The inviter says:`,
    `  ${description}`,
    '',
    'Your wallet asks for this code when it is created:',
    '',
    `  ${code}`,
    '',
    once(until),
  ],
};

export function writeLetter<P extends Purpose>(purpose: P, values: Values[P], place: Place): Letter {
  const [subject, ...lines] = texts[purpose](values, place);
  return { subject, text: `${lines.join('\n')}\n` };
}

function once(until: number): string {
  return `It works once, until ${moment(until)}.`;
}

function moment(at: number): string {
  return `${isoDate(at).slice(0, 16).replace('T', ' ')} UTC`;
}
