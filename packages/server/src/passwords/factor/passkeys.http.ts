import { z } from 'zod';
import { recent, sessionHolder } from '../../callers/holder.ts';
import { nothing } from '../../http/route.ts';
import { lineOfText } from '../../kernel/text.ts';
import { corporate, type Route } from '../../route.ts';
import { assertionSchema, registrationSchema } from '../../subject/secrets/passkey.ts';
import { loginResponse, sessionAnswer } from '../session-answer.http.ts';
import { confirmed, confirmedResponse, presenting } from './factor-answer.http.ts';
import { finishEnrolment, finishVerification, startEnrolment, startVerification } from './passkey-factor.ts';

const registration = z.strictObject({ name: lineOfText(64).nullish(), credential: registrationSchema });
const assertion = z.strictObject({ credential: assertionSchema });

/** In the form of the browser: `PublicKeyCredential.parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON`. */
const options = z.object({ publicKey: z.record(z.string(), z.unknown()) });
const enrolment = { tag: 'Second factors', caller: recent(sessionHolder('enrol-factor')) } as const;
const verification = { tag: 'Second factors', caller: sessionHolder('second-factor') } as const;

export const routes: readonly Route[] = [
  ...corporate({
    ...enrolment,
    path: '/auth/factors/passkey/enrol/start',
    operationId: 'startPasskeyEnrolment',
    summary: 'What a browser needs to make a passkey. Within five minutes of a login.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: options },
    handle: async ({ context, call, who }) => ({ publicKey: await startEnrolment(context, presenting(call, who)) }),
  }),
  ...corporate({
    ...enrolment,
    path: '/auth/factors/passkey/enrol/finish',
    operationId: 'finishPasskeyEnrolment',
    summary: 'The passkey that the browser made. With the first factor come ten recovery codes, shown this once.',
    body: registration,
    answers: { 200: confirmedResponse },
    handle: async ({ context, call, who, body: { name, credential } }) =>
      confirmed(call, await finishEnrolment(context, presenting(call, who), credential, name ?? 'Passkey')),
  }),
  ...corporate({
    ...verification,
    path: '/auth/factors/passkey/verify/start',
    operationId: 'startPasskeyVerification',
    summary: 'What a browser needs to show a passkey.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: options },
    handle: async ({ context, call, who }) => ({ publicKey: await startVerification(context, presenting(call, who)) }),
  }),
  ...corporate({
    ...verification,
    path: '/auth/factors/passkey/verify/finish',
    operationId: 'finishPasskeyVerification',
    summary: 'A passkey that was shown: completes a login, or makes an open session a stronger one.',
    body: assertion,
    answers: { 200: loginResponse },
    handle: async ({ context, call, who, body: { credential } }) =>
      sessionAnswer(call, who.realm, await finishVerification(context, presenting(call, who), credential)),
  }),
];
