import { z } from 'zod';
import { sessionHolder } from '../callers/holder.ts';
import { nothing } from '../http/route.ts';
import { lineOfText } from '../kernel/text.ts';
import { corporate, type Route } from '../route.ts';
import { ownAddress, sendVerification, verifyAddress } from './verify-address.ts';

const addressSchema = z.object({ email: z.string().nullable(), verified: z.boolean() });
const confirmation = z.strictObject({ verificationCode: lineOfText() });
const common = { tag: 'Passwords', caller: sessionHolder() } as const;

/** The address for mail of the session's own credential. */
export const routes: readonly Route[] = [
  ...corporate({
    ...common,
    path: '/auth/email/get',
    operationId: 'getEmail',
    summary: 'The address for mail of the own credential, and whether it is verified.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: addressSchema },
    handle: ({ context, who: { realm, session } }) => ownAddress(context, realm.name, session.subject.credential.id),
  }),
  ...corporate({
    ...common,
    path: '/auth/email/start',
    operationId: 'startEmailVerification',
    summary: 'Mail a code to it, good once and for a day. Nothing is sent to a verified address.',
    body: nothing,
    bodyOptional: true,
    answers: { 204: 'Sent, if it was needed.' },
    handle: ({ context, who: { realm, session, caller } }) =>
      sendVerification(context, realm.name, session.subject.credential.id, caller, true),
  }),
  ...corporate({
    ...common,
    path: '/auth/email/verify',
    operationId: 'verifyEmail',
    summary: 'Show the code: the address is verified from now on.',
    body: confirmation,
    answers: { 204: 'Done.' },
    handle: ({ context, who: { realm, session, caller }, body: { verificationCode } }) =>
      verifyAddress(context, realm.name, session.subject.credential.id, verificationCode, caller),
  }),
];
