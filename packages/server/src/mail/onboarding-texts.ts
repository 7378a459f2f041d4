import type { Contact } from '../kernel/contact.ts';
import { moment, type Text } from './letter.ts';

/** The mails about applications and participants. */
export interface OnboardingValues {
  /** To the administrators of the realm. Name, contact and base URL are the applicant's words. */
  readonly 'application-submitted': {
    readonly applicationId: string;
    readonly role: string;
    readonly name: string;
    readonly contact: string;
    readonly baseUrl: string;
  };
  /** To the address in an application. A stranger may have written it, so none of the applicant's words are here. */
  readonly 'application-received': { readonly applicationId: string; readonly role: string };
  readonly 'application-review': { readonly applicationId: string; readonly role: string };
  readonly 'application-approved': { readonly applicationId: string; readonly participantId: string };
  readonly 'application-rejected': { readonly applicationId: string; readonly reason: string };
  /** To every contact of a participant, also a former one. */
  readonly 'participant-changed': { readonly participantId: string; readonly changes: string; readonly at: number };
}

export const onboardingTexts: { readonly [P in keyof OnboardingValues]: Text<OnboardingValues[P]> } = {
  'application-submitted': ({ applicationId, role, name, contact, baseUrl }, { realm, issuer }) => [
    `A new application for ${realm}`,
    'An organisation applies at',
    `  ${issuer}`,
    `for the role ${role}. It says about itself:`,
    `  ${name}`,
    `  ${contact}`,
    ...(baseUrl === '' ? [] : [`  ${baseUrl}`]),
    '',
    'Find out who it is, in another way than by this mail. Then decide:',
    `  countersign participant review ${applicationId}`,
    `  countersign participant approve ${applicationId}`,
    `  countersign participant reject ${applicationId}`,
  ],
  'application-received': ({ applicationId, role }, { realm, issuer, contact }) => [
    `Your application for ${realm} has arrived`,
    `An application for the role ${role}, with this address, has arrived at`,
    `  ${issuer}`,
    'Its number is',
    `  ${applicationId}`,
    '',
    'The administrators will decide about it, and you will get a mail.',
    'If you did not apply, there is nothing to do.',
    ...questions(contact),
  ],
  'application-review': ({ applicationId, role }, { realm, issuer, contact }) => [
    `Your application for ${realm} is under review`,
    `The administrators have begun to review the application`,
    `  ${applicationId}`,
    `for the role ${role} at`,
    `  ${issuer}`,
    ...questions(contact),
  ],
  'application-approved': ({ applicationId, participantId }, { realm, issuer, publicUrl, contact }) => [
    `Your application for ${realm} is approved`,
    `The application`,
    `  ${applicationId}`,
    'is approved at',
    `  ${issuer}`,
    'The new participant is',
    `  ${participantId}`,
    '',
    'Pick up its credentials, once, with the code that you got when you applied',
    'and with the private key of the application:',
    `  countersign participant pick-up ${applicationId} CODE \\`,
    `    --key FILE --realm ${realm} \\`,
    `    --url ${publicUrl}`,
    ...questions(contact),
  ],
  'application-rejected': ({ applicationId, reason }, { realm, issuer, contact }) => [
    `Your application for ${realm} is rejected`,
    `The application`,
    `  ${applicationId}`,
    'is rejected at',
    `  ${issuer}`,
    ...(reason === '' ? [] : ['', 'The administrators say:', `  ${reason}`]),
    '',
    'You may apply again.',
    ...questions(contact),
  ],
  'participant-changed': ({ participantId, changes, at }, { realm, issuer, contact }) => [
    `Your participant in ${realm} was changed`,
    `On ${moment(at)} the participant`,
    `  ${participantId}`,
    'was changed at',
    `  ${issuer}`,
    `(${changes}).`,
    '',
    'If you did not expect this, tell the administrators at once.',
    ...questions(contact),
  ],
};

function questions(contact: Contact | null): readonly string[] {
  const lines = [contact?.name, contact?.email, contact?.url].filter((line) => typeof line === 'string');
  return lines.length === 0 ? [] : ['', 'Contact of the administrators:', ...lines.map((line) => `  ${line}`)];
}
