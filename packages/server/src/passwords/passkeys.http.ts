import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes } from '../http/corporate.ts';
import { confirmed, confirmedResponse, presenting } from '../http/factor-answer.ts';
import { authenticateRecentHolder, authenticateSessionHolder } from '../http/holder.ts';
import { loggedOn, loginResponse } from '../http/logon-answer.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import { lineOfText } from '../kernel/text.ts';
import { assertionSchema, registrationSchema } from '../subject/passkey.ts';
import { finishEnrolment, finishVerification, startEnrolment, startVerification } from './passkey-factor.ts';

const nothing = z.strictObject({});
const registration = z.strictObject({ name: lineOfText(64).nullish(), credential: registrationSchema });
const assertion = z.strictObject({ credential: assertionSchema });

/** As the browser takes them: `PublicKeyCredential.parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON`. */
const options = z.object({ publicKey: z.record(z.string(), z.unknown()) });
const common = { tag: 'Second factors', security: 'session' } as const;

export const routes = corporateRoutes([
  {
    ...common,
    path: '/auth/factors/passkey/enrol/start',
    operationId: 'startPasskeyEnrolment',
    summary: 'What a browser needs to make a passkey. Within five minutes of a login.',
    body: nothing,
    optionalBody: true,
    responses: { 200: options },
    handle: startEnrol,
  },
  {
    ...common,
    path: '/auth/factors/passkey/enrol/finish',
    operationId: 'finishPasskeyEnrolment',
    summary: 'The passkey that the browser made. With the first factor come ten recovery codes, shown this once.',
    body: registration,
    responses: { 200: confirmedResponse },
    handle: finishEnrol,
  },
  {
    ...common,
    path: '/auth/factors/passkey/verify/start',
    operationId: 'startPasskeyVerification',
    summary: 'What a browser needs to show a passkey.',
    body: nothing,
    optionalBody: true,
    responses: { 200: options },
    handle: startVerify,
  },
  {
    ...common,
    path: '/auth/factors/passkey/verify/finish',
    operationId: 'finishPasskeyVerification',
    summary: 'A passkey that was shown: completes a login, or makes an open session a stronger one.',
    body: assertion,
    responses: { 200: loginResponse },
    handle: finishVerify,
  },
]);

async function startEnrol(call: Call): Promise<Response> {
  const holder = await authenticateRecentHolder(call, 'enrol-factor');
  await readOptionalJson(call, nothing);
  return json(200, { publicKey: await startEnrolment(call.context, presenting(call, holder)) });
}

async function finishEnrol(call: Call): Promise<Response> {
  const holder = await authenticateRecentHolder(call, 'enrol-factor');
  const { name, credential } = await readJson(call, registration);
  const by = presenting(call, holder);
  return confirmed(call, await finishEnrolment(call.context, by, credential, name ?? 'Passkey'));
}

async function startVerify(call: Call): Promise<Response> {
  const holder = await authenticateSessionHolder(call, 'second-factor');
  await readOptionalJson(call, nothing);
  return json(200, { publicKey: await startVerification(call.context, presenting(call, holder)) });
}

async function finishVerify(call: Call): Promise<Response> {
  const holder = await authenticateSessionHolder(call, 'second-factor');
  const { credential } = await readJson(call, assertion);
  const by = presenting(call, holder);
  return loggedOn(call, holder.realm, await finishVerification(call.context, by, credential));
}
