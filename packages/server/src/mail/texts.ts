import { htmlOf } from './html.ts';
import { moment, once, type Place, type Text } from './letter.ts';
import { type OnboardingValues, onboardingTexts } from './onboarding-texts.ts';
import { type WalletValues, walletTexts } from './wallet-texts.ts';

/**
 * The texts of our mails. Plain text. A link only explains: a code is consumed by a POST of its owner, never by a mail
 * filter that follows links, and no link has a code. No line but a link is longer than mail programs show.
 */
export interface Values extends WalletValues, OnboardingValues {
  /** The new holder of a credential sets its first password. */
  readonly 'password-invitation': { readonly credentialId: string; readonly code: string; readonly until: number };
  readonly 'lost-password': { readonly code: string; readonly until: number };
  /** Several credentials have this verified address: none gets a code until its owner names it. */
  readonly 'lost-password-shared': { readonly at: number; readonly credentialCodes: readonly string[] };
  /** The holder proves to read this address. */
  readonly 'email-verification': { readonly credentialCode: string; readonly code: string; readonly until: number };
  /** An administrator, or the ROOT of the identity, lets the holder set a new password. */
  readonly 'password-reset': { readonly credentialCode: string; readonly code: string; readonly until: number };
  /** The same, where the administrator took the code to pass it on. */
  readonly 'password-reset-shown': { readonly at: number };
  readonly 'password-changed': { readonly at: number };
  /** By its owner or an administrator. */
  readonly 'password-expired': { readonly at: number; readonly compromised: boolean };
  /** The right password, from a device and a network that the credential had not used before. */
  readonly 'new-device': { readonly at: number; readonly source: string };
  /** So many failures that new devices must wait. */
  readonly 'login-locked': { readonly at: number };
  /**
   * A change of a credential's second factors. Their names are left out, because the thief of a session chooses them.
   */
  readonly 'factor-changed': { readonly at: number; readonly change: FactorChange; readonly factor: FactorKind };
  /** Also sent to the old address. */
  readonly 'credential-changed': { readonly at: number; readonly newCode: boolean; readonly newAddress: boolean };
  readonly 'credential-deleted': { readonly at: number; readonly until: number };
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

type FactorKind = keyof typeof factorKinds;

const factorKinds = { totp: 'authenticator app', passkey: 'passkey', recovery: 'recovery codes' } as const;

export interface Letter {
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

const texts: { readonly [P in Purpose]: Text<Values[P]> } = {
  ...walletTexts,
  ...onboardingTexts,
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
    'We never ask you for this code.',
  ],
  'lost-password-shared': ({ at, credentialCodes }, { realm, issuer }) => [
    `Which login for ${realm}?`,
    `On ${moment(at)} somebody, probably you, asked for a new password at`,
    `  ${issuer}`,
    '',
    'Several logins have this address:',
    '',
    ...credentialCodes.map((code) => `  ${code}`),
    '',
    'Ask again with one of these names instead of the address.',
    'If it was not you, do nothing: your passwords stay as they are.',
  ],
  'email-verification': ({ credentialCode, code, until }, { realm, issuer }) => [
    `Confirm your address for ${realm}`,
    'Mail for your login goes to this address, at',
    `  ${issuer}`,
    'You log in there as',
    `  ${credentialCode}`,
    '',
    'Log in, and confirm the address with this code:',
    '',
    `  ${code}`,
    '',
    'An application may ask you for it. Applications send it, as verificationCode,',
    'with your session to',
    `  POST ${issuer}/auth/email/verify`,
    '',
    once(until),
    'If this login is not yours, do nothing.',
  ],
  'password-reset': ({ credentialCode, code, until }, { realm, issuer }) => [
    `Set a new password for ${realm}`,
    'Your administrator asks you to set a new password at',
    `  ${issuer}`,
    'You log in there as',
    `  ${credentialCode}`,
    '',
    'Set the new password with this code:',
    '',
    `  ${code}`,
    '',
    'An application may ask you for it. Applications send it, as nonce, with',
    'your credentialCode and the newPassword to',
    `  POST ${issuer}/passwords/lost_password/resume`,
    '',
    once(until),
    'Until then your present password works as before.',
    'If you did not expect this, ask your administrator.',
  ],
  'password-reset-shown': ({ at }, { realm, issuer }) => [
    `A reset of your password for ${realm} was started`,
    `On ${moment(at)} an administrator made a code that sets a new`,
    'password for you at',
    `  ${issuer}`,
    '',
    'The administrator gives it to you in another way than by mail.',
    'If you did not expect this, tell your administrator.',
  ],
  'password-changed': ({ at }, { realm, issuer }) => [
    `Your password for ${realm} was changed`,
    `On ${moment(at)} your password was changed at`,
    `  ${issuer}`,
    '',
    'If it was you, there is nothing to do.',
    'If not, set a new one by "lost password" now, and tell your administrator.',
  ],
  'password-expired': ({ at, compromised }, { realm, issuer }) => [
    `Your password for ${realm} was expired`,
    `On ${moment(at)} your password was expired at`,
    `  ${issuer}`,
    '',
    ...(compromised
      ? ['Somebody else may know it, so it no longer works.', 'Set a new one by "lost password".']
      : ['Your next login asks for a new one.']),
    'If you did not expect this, tell your administrator.',
  ],
  'new-device': ({ at, source }, { realm, issuer }) => [
    `A new device used your password for ${realm}`,
    `On ${moment(at)} your password was used from`,
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
    `  ${factorKinds[factor]}`,
    '',
    'If it was you, there is nothing to do.',
    'If not, change your password now, and tell your administrator.',
  ],
  'credential-changed': ({ at, newCode, newAddress }, { realm, issuer }) => [
    `Your login for ${realm} was changed`,
    `On ${moment(at)} your login was changed at`,
    `  ${issuer}`,
    '',
    ...(newCode ? ['You log in under another name from now on.'] : []),
    ...(newAddress ? ['Mail goes to another address from now on.'] : []),
    'If you did not expect this, tell your administrator.',
  ],
  'credential-deleted': ({ at, until }, { realm, issuer }) => [
    `Your login for ${realm} was deleted`,
    `On ${moment(at)} an administrator deleted your login at`,
    `  ${issuer}`,
    '',
    `It can be restored until ${moment(until)}. Then all that is`,
    'held about it is removed.',
    'If you did not expect this, tell your administrator.',
  ],
};

/** The values that a template of the operator may name. */
export const placeholders: { readonly [P in Purpose]: readonly (keyof Values[P])[] } = {
  'password-invitation': ['credentialId', 'code', 'until'],
  'lost-password': ['code', 'until'],
  'lost-password-shared': ['at', 'credentialCodes'],
  'email-verification': ['credentialCode', 'code', 'until'],
  'password-reset': ['credentialCode', 'code', 'until'],
  'password-reset-shown': ['at'],
  'password-changed': ['at'],
  'password-expired': ['at', 'compromised'],
  'new-device': ['at', 'source'],
  'login-locked': ['at'],
  'factor-changed': ['at', 'change', 'factor'],
  'credential-changed': ['at', 'newCode', 'newAddress'],
  'credential-deleted': ['at', 'until'],
  'wallet-invitation': ['participant', 'description', 'inviter', 'message', 'language', 'code', 'until', 'page'],
  'wallet-address': ['walletId', 'code', 'until'],
  'wallet-address-changed': ['walletId', 'at'],
  'wallet-recovery-start': ['walletId', 'code', 'until'],
  'wallet-recovery': ['walletId', 'stage', 'did', 'at', 'earliest'],
  'wallet-recovery-code': ['walletId', 'did', 'code', 'until'],
  'application-submitted': ['applicationId', 'role', 'name', 'contact', 'baseUrl'],
  'application-received': ['applicationId', 'role'],
  'application-review': ['applicationId', 'role'],
  'application-approved': ['applicationId', 'participantId'],
  'application-rejected': ['applicationId', 'reason'],
  'participant-changed': ['participantId', 'changes', 'at'],
};

export function writeLetter<P extends Purpose>(purpose: P, values: Values[P], place: Place): Letter {
  const [subject, ...lines] = texts[purpose](values, place);
  const text = `${lines.join('\n')}\n`;
  return Object.hasOwn(onboardingTexts, purpose) ? { subject, text, html: htmlOf(subject, text) } : { subject, text };
}
